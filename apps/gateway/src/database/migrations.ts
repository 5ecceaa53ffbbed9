import type { MigrationInterface } from 'typeorm';
import { Identity1795309200000 } from './migrations/20261122-0100-identity.ts';
import { AuditAndIdempotency1795309800000 } from './migrations/20261122-0110-audit-and-idempotency.ts';
import { Operations1795312800000 } from './migrations/20261122-0200-operations.ts';
import { ConsoleOwners1795316400000 } from './migrations/20261122-0300-console-owners.ts';
import { BrowserSessions1796000400000 } from './migrations/20261130-0100-browser-sessions.ts';
import { Door1796004000000 } from './migrations/20261130-0200-door.ts';
import { Subscribers1796005800000 } from './migrations/20261130-0230-subscribers.ts';
import { AuditSignatures1796032800000 } from './migrations/20261130-1000-audit-signatures.ts';
import { HostJoins1796044800000 } from './migrations/20261130-1320-host-joins.ts';
import { ConsoleKinds1796056200000 } from './migrations/20261130-1630-console-kinds.ts';

/** In the order in which they run, which is that of the times in their names. */
export const migrations: (new () => MigrationInterface)[] = [
  Identity1795309200000,
  AuditAndIdempotency1795309800000,
  Operations1795312800000,
  ConsoleOwners1795316400000,
  BrowserSessions1796000400000,
  Door1796004000000,
  Subscribers1796005800000,
  AuditSignatures1796032800000,
  HostJoins1796044800000,
  ConsoleKinds1796056200000,
];
