import { defineConfig, loadConfig, setting } from '@polyvirt/config';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';
import { onDatabase } from '../audit/local-audit.ts';
import { gatewayConfig } from '../config.ts';
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
  await onDatabase(config, async (database, audit) => {
    for (const user of await importUsers(database, audit, users))
      console.log(
        'role' in user ? `${user.username}: imported as ${user.role}` : `${user.username}: left out. ${user.why}`,
      );
  });
} catch (error) {
  // What a database answers names the host and the user, and never the password.
  console.error(
    error instanceof NoOldUsersError || error instanceof NoUsersYetError
      ? error.message
      : `The users cannot be imported: ${(error as Error).message}`,
  );
  process.exitCode = 1;
}
