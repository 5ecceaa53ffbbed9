import { defineConfig, loadConfig, setting } from '@polyvirt/config';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';
import { AuditChain } from '../audit/audit-chain.ts';
import { AuditLinker } from '../audit/audit-linker.ts';
import { AuditSigner } from '../audit/audit-signer.ts';
import { Audit } from '../audit/audit.ts';
import { Keys } from '../auth/keys.ts';
import { gatewayConfig } from '../config.ts';
import { openDatabase } from '../database/open-database.ts';
import { createLogger } from '../logger.ts';
import { productionTimes } from '../times.ts';
import { importUsers, NoUsersYetError } from './import-users.ts';
import { NoOldUsersError, readOldUsers, type OldUser } from './old-users.ts';

const config = loadConfig(
  defineConfig({
    databaseUrl: gatewayConfig.databaseUrl,
    jwtSecret: gatewayConfig.jwtSecret,
    jwtPreviousSecrets: gatewayConfig.jwtPreviousSecrets,
    oldDatabaseUrl: setting({
      env: 'POLYVIRT_OLD_DATABASE_URL',
      schema: z.string().regex(/^mysql:\/\/.+\/.+$/, 'It is `mysql://user:password@host:port/name`.'),
      help: 'Database of Auto-Creation-VM whose users are imported: `mysql://user:password@host:port/autocreationvm`.',
      secret: true,
    }),
  }),
);

async function oldUsers(): Promise<OldUser[]> {
  const connection = await createConnection(config.oldDatabaseUrl);
  try {
    return await readOldUsers(connection);
  } finally {
    await connection.end();
  }
}

try {
  const users = await oldUsers();
  const database = await openDatabase(config.databaseUrl);
  const signer = new AuditSigner(new Keys(config));
  const linker = new AuditLinker(database, new AuditChain(signer), signer, productionTimes, createLogger('error'));
  try {
    const audit = new Audit(database, signer, linker);
    for (const user of await importUsers(database, audit, users))
      console.log(
        'role' in user ? `${user.username}: imported as ${user.role}` : `${user.username}: left out. ${user.why}`,
      );
  } finally {
    await linker.link();
    await database.close();
  }
} catch (error) {
  // What a database answers names the host and the user, and never the password.
  console.error(
    error instanceof NoOldUsersError || error instanceof NoUsersYetError
      ? error.message
      : `The users cannot be imported: ${(error as Error).message}`,
  );
  process.exitCode = 1;
}
