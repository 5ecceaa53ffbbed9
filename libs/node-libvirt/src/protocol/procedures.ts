import { Program } from './packet.ts';
import type { Procedure, StreamProcedure } from './procedure.ts';
import { blockProcedures } from './procedures/block.ts';
import { connectionProcedures } from './procedures/connection.ts';
import { deviceProcedures } from './procedures/device.ts';
import { domainProcedures } from './procedures/domain.ts';
import { eventProcedures } from './procedures/event.ts';
import { guestProcedures } from './procedures/guest.ts';
import { jobProcedures } from './procedures/job.ts';
import { networkProcedures } from './procedures/network.ts';
import { qemuProcedures } from './procedures/qemu.ts';
import { snapshotProcedures } from './procedures/snapshot.ts';
import { statisticsProcedures } from './procedures/statistics.ts';
import { storageProcedures } from './procedures/storage.ts';

/** Everything of the program REMOTE, by the name of the procedure. */
export const remoteProcedures = {
  ...connectionProcedures,
  ...domainProcedures,
  ...statisticsProcedures,
  ...guestProcedures,
  ...blockProcedures,
  ...jobProcedures,
  ...snapshotProcedures,
  ...networkProcedures,
  ...storageProcedures,
  ...deviceProcedures,
  ...eventProcedures,
};

export { qemuProcedures };

type Remote = typeof remoteProcedures;
type Qemu = typeof qemuProcedures;

/** All procedures by name, of both programs; the names do not overlap. */
export type Procedures = Remote & Qemu;

export type StreamProcedureName = {
  [K in keyof Procedures]: Procedures[K] extends StreamProcedure ? K : never;
}[keyof Procedures];

export type CallProcedureName = Exclude<keyof Procedures, StreamProcedureName>;

export const procedures: Procedures = { ...remoteProcedures, ...qemuProcedures };

/** Program, number and schema of one procedure, with the name that errors show. */
export interface ProcedureEntry<P extends Procedure = Procedure> {
  readonly name: string;
  readonly program: number;
  readonly procedure: P;
}

export function entryOf<K extends keyof Procedures>(name: K): ProcedureEntry<Procedures[K]> {
  const program = Object.hasOwn(qemuProcedures, name) ? Program.QEMU : Program.REMOTE;
  return { name, program, procedure: procedures[name] };
}
