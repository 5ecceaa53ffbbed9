import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { withFileLock } from '../host/file-lock.ts';
import { isProgramOn } from '../host/processes.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { Registry } from '../host/registry.ts';

export const VMX_PROGRAM = 'vmware-vmx';

export interface GuestProcess {
  pid: number;
  owner: string;
  command: string;
  /** Ends by itself then; absent for the guest's own. */
  endsAt?: number;
  exitCode: number;
}

/** What is known of a running VM beside its files; lost when it ends. Times are milliseconds since 1970. */
export interface Run {
  vmx: string;
  shown: string;
  pid: number;
  startedAt: number;
  isHeadless: boolean;
  isPaused: boolean;
  /** A question waits for an answer; the guest has not started. */
  isBlocked: boolean;
  toolsAt?: number;
  addressAt?: number;
  /** Set when the VM is asked to end; its process does so at that time. */
  ending?: { how: 'off' | 'suspended'; at: number; isSoft: boolean };
  endedAt?: number;
  processes: GuestProcess[];
  nextProcessId: number;
  runtimeConfiguration: Record<string, string>;
  guestVariables: Record<string, string>;
  guestEnvironment: Record<string, string>;
  disconnectedDevices: string[];
  /** Shared folders switched on or off for this run only. */
  sharedFolders?: 'enabled' | 'disabled';
}

/** The run of the VM, if its process is alive. */
export function findRun(registry: Registry, vmx: string): Run | undefined {
  const run = readRun(recordOf(registry, vmx));
  return run && run.endedAt === undefined && isRunning(run) ? run : undefined;
}

/** Runs of this installation whose process is alive, oldest first; records of processes that died are dropped. */
export function listRuns(registry: Registry): Run[] {
  return allRecords(registry)
    .filter((run) => {
      if (run.endedAt !== undefined) return false;
      if (isRunning(run)) return true;
      dropRecord(registry, run);
      return false;
    })
    .sort((one, other) => one.startedAt - other.startedAt);
}

/** What `list` shows when it lags: VMs that have been there for a while, and those that have just gone. */
export function listRunsLagging(registry: Registry, lagMs: number, now: number): Run[] {
  const ended = allRecords(registry).filter((run) => {
    if (run.endedAt === undefined) return false;
    if (run.endedAt + lagMs > now) return true;
    dropRecord(registry, run);
    return false;
  });
  return [...listRuns(registry).filter((run) => run.startedAt + lagMs <= now), ...ended];
}

export function saveRun(registry: Registry, run: Run): void {
  withFileLock(lockOf(registry, run.vmx), () => write(registry, run));
}

/** Changes the record of a VM that runs, and returns it. */
export function updateRun(registry: Registry, vmx: string, change: (run: Run) => void): Run | undefined {
  return withFileLock(lockOf(registry, vmx), () => {
    const run = readRun(recordOf(registry, vmx));
    if (!run) return undefined;
    change(run);
    write(registry, run);
    return run;
  });
}

export function forgetRun(registry: Registry, vmx: string): void {
  withFileLock(lockOf(registry, vmx), () => rmSync(recordOf(registry, vmx), { force: true }));
}

/** Key of a VM in the registry's folders. */
export function keyOf(path: string): string {
  // Loaded only when it is needed: most of what a call takes is its start.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha1').update(path).digest('hex').slice(0, 20);
}

function isRunning(run: Run): boolean {
  return isProgramOn(run.pid, VMX_PROGRAM, run.shown);
}

function allRecords(registry: Registry): Run[] {
  const folder = registry.own('running');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) =>
    name.endsWith('.json') ? (readRun(registry.own('running', name)) ?? []) : [],
  );
}

/** Drops the record unless another run of the same VM has taken its place. */
function dropRecord(registry: Registry, run: Run): void {
  withFileLock(lockOf(registry, run.vmx), () => {
    const path = recordOf(registry, run.vmx);
    if (readRun(path)?.pid === run.pid) rmSync(path, { force: true });
  });
}

function write(registry: Registry, run: Run): void {
  replaceFile(recordOf(registry, run.vmx), JSON.stringify(run));
}

function readRun(path: string): Run | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Run;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

const recordOf = (registry: Registry, vmx: string) => registry.own('running', `${keyOf(vmx)}.json`);
const lockOf = (registry: Registry, vmx: string) => registry.own('running', `${keyOf(vmx)}.lock`);
