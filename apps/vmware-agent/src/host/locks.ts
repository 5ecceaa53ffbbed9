import { readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { orMissing } from '../vmx/dictionary-file.ts';
import { isAlive } from './processes.ts';

export interface LockHolder {
  readonly pid: number;
  /** `vmware-vmx`, or `vmware` for a window. */
  readonly program: string;
  readonly isAlive: boolean;
}

interface Lock {
  /** The folder `<file>.lck`. */
  readonly path: string;
  readonly holders: readonly LockHolder[];
}

/** Who holds the .vmx file: the VM's own process, or a window that has it open in a tab. */
export async function holdersOf(vmx: string): Promise<readonly LockHolder[]> {
  return (await orMissing(readLock(`${vmx}.lck`)))?.holders ?? [];
}

/** The window that has the VM open. */
export async function windowOf(vmx: string): Promise<LockHolder | undefined> {
  return (await holdersOf(vmx)).find((holder) => holder.isAlive && /^(vmware|vmplayer)(\.exe)?$/i.test(holder.program));
}

/**
 * Removes what a VM that died has left locked; Workstation refuses to start it otherwise. Only for a VM that is off: locks
 * whose holder lives are kept, and so are those of another machine.
 */
export async function removeStaleLocks(vmx: string): Promise<void> {
  const folder = dirname(vmx);
  for (const name of await readdir(folder)) {
    if (!/\.lck$/i.test(name)) continue;
    const lock = await orMissing(readLock(join(folder, name)));
    if (lock && lock.holders.every((holder) => !holder.isAlive)) await rm(lock.path, { recursive: true, force: true });
  }
}

async function readLock(path: string): Promise<Lock> {
  const entries = await readdir(path);
  const texts = await Promise.all(entries.map((name) => orMissing(readFile(join(path, name), 'utf8'))));
  return { path, holders: texts.filter((text) => text !== undefined).map(readHolder) };
}

/** `<uuid> <pid>-<time>(<program>) <host>`; a holder on another machine, or one that is unreadable, is taken as alive. */
export function readHolder(text: string): LockHolder {
  const match = /(\d+)-\d+\(([^)]+)\)(?:\s+(\S+))?/.exec(text);
  if (!match) return { pid: 0, program: 'unknown', isAlive: text.trim() !== '' };
  const [, pid, program, host] = match;
  const isHere = host === undefined || host.toLowerCase() === hostname().toLowerCase();
  return { pid: Number(pid), program: basename(program!), isAlive: !isHere || isAlive(Number(pid)) };
}
