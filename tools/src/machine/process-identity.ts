import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process, recorded so that it can be recognised later. A pid alone may by then name another one. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in clock ticks since boot; undefined where the system does not tell. */
  startedAt?: string;
}

/** The identity of a process that runs now, or undefined when there is none. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  if (!exists(pid)) return undefined;
  if (process.platform !== 'linux') return { pid };
  const fields = statFields(pid);
  return fields === undefined || fields.state === 'Z' ? undefined : { pid, startedAt: fields.startedAt };
}

/** Does the recorded process still run? */
export function isSameProcess(recorded: ProcessIdentity): boolean {
  const now = identityOf(recorded.pid);
  return now !== undefined && now.startedAt === recorded.startedAt;
}

/** Ends a process that is not our child: SIGTERM, then SIGKILL when it is still there after `timeoutMs`. */
export async function endProcess(recorded: ProcessIdentity, timeoutMs = 10_000): Promise<void> {
  for (const [signal, patience] of [
    ['SIGTERM', timeoutMs],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!isSameProcess(recorded)) return;
    try {
      process.kill(recorded.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      return;
    }
    const deadline = Date.now() + patience;
    while (isSameProcess(recorded) && Date.now() < deadline) await delay(50);
  }
  if (isSameProcess(recorded)) throw new Error(`process ${recorded.pid} does not end`);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function statFields(pid: number): { state: string; startedAt: string } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It ended between the two looks.
    return undefined;
  }
  // The name, in brackets, may itself hold spaces and brackets: fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startedAt] = [fields[0], fields[19]];
  return state === undefined || startedAt === undefined ? undefined : { state, startedAt };
}
