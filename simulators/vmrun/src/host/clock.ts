import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from './registry.ts';

/** While the clock stands, somebody may move it at any moment. */
const LOOK_MS = 10;
/** While it runs, somebody may stop it. */
const LONGEST_SLEEP_MS = 1_000;

/**
 * Time of the installation: that of this machine, unless `<home>/simulator/clock.json` says where the clock stands. Whoever
 * writes that file decides when delays are over, Tools come up and leases end, for all processes of the installation.
 */
export class Clock {
  private readonly registry: Registry;

  constructor(registry: Registry) {
    this.registry = registry;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.standsAt() ?? Date.now();
  }

  async pass(ms: number): Promise<void> {
    if (ms <= 0) return;
    const time = this.now() + ms;
    const note = this.noteWaiting(time);
    try {
      await this.reach(time);
    } finally {
      if (note !== undefined) rmSync(note, { force: true });
    }
  }

  /** Does the work when the time has come, unless the answered function was called before. */
  at(time: number, work: () => void): () => void {
    let isCancelled = false;
    void this.reach(time, () => isCancelled).then(() => {
      if (!isCancelled) work();
    });
    return () => (isCancelled = true);
  }

  private async reach(time: number, isCancelled = () => false): Promise<void> {
    while (!isCancelled()) {
      const left = time - this.now();
      if (left <= 0) return;
      await sleep(this.standsAt() === undefined ? Math.min(left, LONGEST_SLEEP_MS) : LOOK_MS);
    }
  }

  private standsAt(): number | undefined {
    try {
      return (JSON.parse(readFileSync(this.registry.own('clock.json'), 'utf8')) as { standsAt: number }).standsAt;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cause;
    }
  }

  /** So that whoever moves a clock knows that there is a call to move it for. */
  private noteWaiting(until: number): string | undefined {
    if (this.standsAt() === undefined) return undefined;
    mkdirSync(this.registry.own('waiting'), { recursive: true });
    const path = this.registry.own('waiting', `${process.pid}.json`);
    writeFileSync(path, JSON.stringify({ pid: process.pid, until, command: process.argv.slice(2) }));
    return path;
  }
}
