import { readFileSync, utimesSync } from 'node:fs';
import type { Clock } from '../host/clock.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { Run } from './run.ts';

const MAGIC = Buffer.from([0xd2, 0xbe, 0xd2, 0xbe]);

/** What of a run survives in memory: a guest that is resumed goes on where it was. */
export type GuestMemory = Pick<
  Run,
  'processes' | 'nextProcessId' | 'guestVariables' | 'guestEnvironment' | 'disconnectedDevices'
>;

/** Content of a .vmss or .vmsn: the configuration at that moment, and the guest's memory if it was kept. */
export interface Checkpoint {
  configuration: Buffer;
  memory: GuestMemory | undefined;
}

/** The file is as old as the clock of the installation says. */
export function writeCheckpoint(path: string, { configuration, memory }: Checkpoint, clock: Clock): void {
  const content = JSON.stringify({ configuration: configuration.toString('base64'), memory });
  replaceFile(path, Buffer.concat([MAGIC, Buffer.from(content)]));
  const seconds = clock.now() / 1_000;
  utimesSync(path, seconds, seconds);
}

/** The checkpoint, or undefined when the file is none. */
export function readCheckpoint(path: string): Checkpoint | undefined {
  const bytes = readFileSync(path);
  if (!bytes.subarray(0, 4).equals(MAGIC)) return undefined;
  const content = JSON.parse(bytes.subarray(4).toString('utf8')) as { configuration: string; memory?: GuestMemory };
  return { configuration: Buffer.from(content.configuration, 'base64'), memory: content.memory };
}

export function memoryOf(run: Run): GuestMemory {
  const { processes, nextProcessId, guestVariables, guestEnvironment, disconnectedDevices } = run;
  return { processes, nextProcessId, guestVariables, guestEnvironment, disconnectedDevices };
}
