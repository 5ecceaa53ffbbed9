import { setTimeout as sleep } from 'node:timers/promises';
import type { Timer } from '../vmrun/timer.ts';

const LOOK_MS = 10;

interface Waiting {
  readonly purpose: string;
  work(): void;
}

/** Deadlines that fall when a test says so, and never by themselves. */
export class TestTimer implements Timer {
  readonly #waiting = new Set<Waiting>();
  readonly #over: RegExp[] = [];

  after(_ms: number, purpose: string, work: () => void): () => void {
    const waiting = { purpose, work };
    this.#waiting.add(waiting);
    if (this.#over.some((pattern) => pattern.test(purpose))) setImmediate(() => this.#fall(waiting));
    return () => this.#waiting.delete(waiting);
  }

  /** Resolves once something waits for something like this. */
  async untilWaiting(purpose: RegExp): Promise<void> {
    while (![...this.#waiting].some((one) => purpose.test(one.purpose))) await sleep(LOOK_MS);
  }

  /** The time of those that wait for this is over. */
  fall(purpose: string): void {
    for (const one of this.#waiting) if (one.purpose === purpose) this.#fall(one);
  }

  /** So it is of those that will wait for something like this. */
  fallFromNowOn(purpose: RegExp): void {
    this.#over.push(purpose);
    for (const one of this.#waiting) if (purpose.test(one.purpose)) this.#fall(one);
  }

  #fall(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) waiting.work();
  }
}
