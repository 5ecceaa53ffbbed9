import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** True while the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  // Signals to 0 and below mean whole groups.
  if (!(pid > 0)) return false;
  const commandLine = commandLineOf(pid);
  if (commandLine !== undefined) return commandLine.length > 0;
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux';
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** True while that process is the named program working on that file: its command line ends with the path. */
export function isProgramOn(pid: number, program: string, path: string): boolean {
  const commandLine = commandLineOf(pid);
  if (commandLine === undefined) return process.platform !== 'linux' && isAlive(pid);
  return commandLine[0]?.includes(program) === true && commandLine.at(-1) === path;
}

/** False when it is still there after so long by the given clock. */
export async function waitUntilGone(
  isThere: () => boolean,
  timeoutMs = Infinity,
  now: () => number = Date.now,
): Promise<boolean> {
  const deadline = now() + timeoutMs;
  while (isThere()) {
    if (now() > deadline) return false;
    await delay(15);
  }
  return true;
}

/** Arguments of a process; empty for a zombie, undefined where there is no such process or no /proc. */
function commandLineOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return undefined;
  }
}
