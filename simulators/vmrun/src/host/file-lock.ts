import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isAlive } from './processes.ts';

const PAUSE_MS = 5;

/** Runs `work` while holding the lock; waits for other holders. A holder that died does not count. */
export function withFileLock<T>(path: string, work: () => T): T {
  while (!tryLock(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Takes the lock if nobody alive has it. The first line of the file is the holder's pid, the second its note. */
export function tryLock(path: string, note = ''): boolean {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}`;
  // Linked into place when complete: a holder that is killed at any moment leaves no lock without its pid.
  writeFileSync(own, `${process.pid}\n${note}`);
  try {
    if (isLinked(own, path)) return true;
    const holder = lockHolder(path);
    if (holder && isAlive(holder.pid)) return false;
    rmSync(path, { force: true });
    return isLinked(own, path);
  } finally {
    rmSync(own, { force: true });
  }
}

function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    return false;
  }
}

export function lockHolder(path: string): { pid: number; note: string } | undefined {
  try {
    const [pid = '', note = ''] = readFileSync(path, 'utf8').split('\n');
    return { pid: Number(pid), note };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
