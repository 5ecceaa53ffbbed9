import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** A process of this machine. */
export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  /** Ticks since boot at its start: tells a process from a later one with the same pid. */
  readonly startedAt: number;
  /** Program and arguments. */
  readonly command: readonly string[];
}

/** Whether this platform shows its processes as files. */
export const hasProcessFiles = process.platform === 'linux';

/** All processes that can be seen; none on a platform without /proc. */
export async function hostProcesses(): Promise<HostProcess[]> {
  if (!hasProcessFiles) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readProcess(Number(pid))));
  return found.filter((one) => one !== undefined);
}

/** Undefined when it has ended, or is another user's and hidden. */
export async function readProcess(pid: number): Promise<HostProcess | undefined> {
  try {
    const [line, status] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    const fields = statusFields(status);
    return {
      pid,
      parent: Number(fields[1]),
      startedAt: Number(fields[19]),
      command: line.replace(/\0$/, '').split('\0'),
    };
  } catch (error) {
    if (isOutOfSight(error)) return undefined;
    throw error;
  }
}

/** Of a process that has ended, before or while it was read, or that another user keeps to itself. */
const isOutOfSight = (error: unknown): boolean =>
  ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Fields of /proc/<pid>/stat behind the name, which may contain anything. */
export const statusFields = (status: string): string[] => status.slice(status.lastIndexOf(')') + 2).split(' ');

/** A process that has ended and that its parent did not ask about yet is none. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !hasProcessFiles || !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    return statusFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))[0] === 'Z';
  } catch (error) {
    if (isOutOfSight(error)) return true;
    throw error;
  }
}

const baseName = (path: string) => path.replace(/^.*[\\/]/, '').replace(/\.exe$/i, '');

/** The monitor of a VM (`vmware-vmx`, `-debug`, `-stats`): the machine itself, as a process. */
export const isMonitor = ({ command }: HostProcess): boolean => /^vmware-vmx(-\w+)?$/i.test(baseName(command[0] ?? ''));

/** The machine itself, or the window that somebody works in. */
export const isVmOrWindow = (one: HostProcess): boolean =>
  isMonitor(one) || /^(vmware|vmplayer)$/i.test(baseName(one.command[0] ?? ''));
