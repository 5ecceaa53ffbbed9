import { pause, unlessAborted } from '@polyvirt/bus';
import { ProblemError } from '@polyvirt/contracts';

/** How long an operation waits for its host, all in all; after that it ends, and says what is left. */
const waitMs = 5 * 60_000;
const firstPauseMs = 250;
const longestPauseMs = 5_000;

/** The time that one operation has for a host that is away; it counts from when it is first needed. */
export class HostPatience {
  readonly #signal: AbortSignal;
  readonly #withinMs: number;
  #until: number | undefined;

  /** The signal ends every wait, with its reason. */
  constructor(signal: AbortSignal, withinMs = waitMs) {
    this.#signal = signal;
    this.#withinMs = withinMs;
  }

  /**
   * Calls again, with pauses that grow, as long as the host is away, another call is worth while and there is time. Throws
   * what the last call threw.
   */
  async outlast<Result>(call: () => Promise<Result>, isWorthwhile: () => boolean = () => true): Promise<Result> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await call();
      } catch (error) {
        if (!isAway(error) || !isWorthwhile() || this.#leftMs() < pauseMs) throw error;
      }
      await pause(pauseMs, this.#signal);
    }
  }

  /** Waits until the host is healthy or the time is over; whoever goes on then will see. */
  async await(healthy: Promise<void>, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, this.#signal, over.signal]);
    try {
      await Promise.race([unlessAborted(healthy, either), pause(this.#leftMs(), either)]);
    } finally {
      over.abort();
    }
  }

  #leftMs(): number {
    this.#until ??= Date.now() + this.#withinMs;
    return Math.max(0, this.#until - Date.now());
  }
}

const isAway = (error: unknown): boolean => error instanceof ProblemError && error.code === 'host-offline';
