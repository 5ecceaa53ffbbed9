import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes, randomInt } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../host/clock.ts';
import { isAlive } from '../host/processes.ts';

export interface LockHolder {
  pid: number;
  program: string;
  isAlive: boolean;
}

/** The folder `<file>.lck` that VMware makes beside a file in use; each holder has a small file in it. */
export class LockFolder {
  readonly path: string;

  constructor(lockedFile: string) {
    this.path = `${lockedFile}.lck`;
  }

  /** Adds a holder; entries of processes that died go. */
  take(pid: number, program: string, clock: Clock): void {
    mkdirSync(this.path, { recursive: true });
    for (const { file, holder } of this.entries()) if (!holder.isAlive) rmSync(file, { force: true });
    const uuid = randomBytes(16).toString('hex');
    const name = `M${String(randomInt(10000, 99999))}.lck`;
    writeFileSync(join(this.path, name), `${uuid} ${pid}-${clock.now()}(${program}) ${hostname()}\n`);
  }

  /** Removes what this process holds, and the folder when nobody else holds it. */
  release(pid: number): void {
    for (const { file, holder } of this.entries()) if (holder.pid === pid) rmSync(file, { force: true });
    try {
      rmdirSync(this.path);
    } catch (cause) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    }
  }

  holders(): LockHolder[] {
    return this.entries().map(({ holder }) => holder);
  }

  private entries(): { file: string; holder: LockHolder }[] {
    if (!existsSync(this.path)) return [];
    return readdirSync(this.path).flatMap((name) => {
      const file = join(this.path, name);
      const found = /(\d+)-\d+\((.+?)\)/.exec(readFileSync(file, 'utf8'));
      if (!found) return { file, holder: { pid: 0, program: 'unknown', isAlive: false } };
      const pid = Number(found[1]);
      return { file, holder: { pid, program: found[2]!, isAlive: isAlive(pid) } };
    });
  }
}

/** Releases every lock that the process holds in the folder. */
export function releaseAllIn(folder: string, pid: number): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.lck')) new LockFolder(join(folder, name.slice(0, -'.lck'.length))).release(pid);
  }
}
