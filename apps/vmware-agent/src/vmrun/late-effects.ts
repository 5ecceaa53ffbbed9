import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAKING_MARK } from '../inventory/discovery.ts';
import { orMissing } from '../vmx/dictionary-file.ts';
import { LOOK_EVERY_MS, pause } from './achieve.ts';
import type { Timer } from './timer.ts';

/** However busy a folder is: somebody waits for the end of the operation. */
const LONGEST_MS = 120_000;

/**
 * What the product may still do after its vmrun was killed: that ends the answer and not the work. There is nobody to ask, so
 * the files of a machine are watched until they have been still for a while.
 */
export class LateEffects {
  readonly #timer: Timer;
  /** Folder to the time at which a call that changes it was lost. */
  readonly #lost = new Map<string, number>();

  constructor(timer: Timer) {
    this.#timer = timer;
  }

  note(folder: string): void {
    this.#lost.set(folder, performance.now());
  }

  /** Resolves at once for a folder in which no call was lost. */
  async settled(folder: string, lateMs: number, signal: AbortSignal): Promise<void> {
    const lostAt = this.#lost.get(folder);
    if (lostAt === undefined) return;
    const until = performance.now() + LONGEST_MS;
    let isStill = false;
    const watchFor = (ms: number) => this.#timer.after(ms, `silence of ${folder}`, () => (isStill = true));
    let seen = await looksOf(folder);
    let cancel = watchFor(Math.max(0, lateMs - (performance.now() - lostAt)));
    try {
      while (!isStill && performance.now() < until) {
        await pause(LOOK_EVERY_MS, signal);
        const now = await looksOf(folder);
        if (now === seen) continue;
        seen = now;
        cancel();
        isStill = false;
        cancel = watchFor(lateMs);
      }
    } finally {
      cancel();
    }
    this.#lost.delete(folder);
  }
}

/** Files that calls make and change. Disks of a machine that runs are written to by its guest, so only a new one's grow. */
async function looksOf(folder: string): Promise<string> {
  const names = (await orMissing(readdir(folder))) ?? [];
  const isBeingMade = names.includes(MAKING_MARK);
  const looks = names
    .filter((name) => /\.(vmx|vmsd|vmsn|vmss|vmem|vmdk)$/i.test(name))
    .sort()
    .map(async (name) => {
      if (/\.vmdk$/i.test(name) && !isBeingMade) return name;
      const { size = 0, mtimeMs = 0 } = (await orMissing(stat(join(folder, name)))) ?? {};
      return `${name} ${size} ${/\.vmem$/i.test(name) ? '' : mtimeMs}`;
    });
  return (await Promise.all(looks)).join('\n');
}
