import { randomUUID } from 'node:crypto';
import { Keys } from '../auth/keys.ts';
import type { GatewayConfig } from '../config.ts';
import type { Database } from '../database/database.ts';
import { openDatabase } from '../database/open-database.ts';
import { createLogger } from '../logger.ts';
import { productionTimes } from '../times.ts';
import { AuditChain } from './audit-chain.ts';
import { AuditLinker } from './audit-linker.ts';
import { AuditSigner } from './audit-signer.ts';
import { Audit, type Actor } from './audit.ts';

export type LocalSettings = Pick<GatewayConfig, 'databaseUrl' | 'jwtSecret' | 'jwtPreviousSecrets'>;

/** Of what is done on the machine of the gateway, by whoever may read its secrets. */
export const localActor = (): Actor => ({ actor: '-', address: 'local', requestId: randomUUID() });

/** Opens the database beside a gateway that may be running, and has what is done there in the audit, too. */
export async function onDatabase<Result>(
  settings: LocalSettings,
  work: (database: Database, audit: Audit) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase(settings.databaseUrl);
  const signer = new AuditSigner(new Keys(settings));
  const linker = new AuditLinker(database, new AuditChain(signer), signer, productionTimes, createLogger('error'));
  try {
    return await work(database, new Audit(database, signer, linker));
  } finally {
    await linker.link();
    await database.close();
  }
}
