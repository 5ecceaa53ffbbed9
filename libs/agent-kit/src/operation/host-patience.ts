import { pause, unlessAborted } from '@polyvirt/bus';
import { ProblemError } from '@polyvirt/contracts';

export interface PatienceTimes {
  /** How long an operation waits for its host, all in all; after that it ends, and says what is left. */
  readonly withinMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** What time it is, and how it passes. */
export interface Clock {
  now(): number;
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

const systemClock: Clock = { now: Date.now, pause };

/** The time that one operation has for a host that is away; it counts from when it is first needed. */
export class HostPatience {
  readonly #signal: AbortSignal;
  readonly #times: PatienceTimes;
  readonly #clock: Clock;
  #until: number | undefined;

  /** The signal ends every wait, with its reason. */
  constructor(signal: AbortSignal, times: PatienceTimes, clock = systemClock) {
    this.#signal = signal;
    this.#times = times;
    this.#clock = clock;
  }

  /**
   * Calls again, with pauses that grow, as long as the host is away, another call is worth while and there is time. Throws
   * what the last call threw, or the reason of the signal that interrupts a pause.
   */
  async outlast<Result>(
    call: () => Promise<Result>,
    isWorthwhile: () => boolean = () => true,
    interrupt: () => AbortSignal = () => this.#signal,
  ): Promise<Result> {
    const { firstPauseMs, longestPauseMs } = this.#times;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await call();
      } catch (error) {
        if (!isAway(error) || !isWorthwhile() || this.#leftMs() < pauseMs) throw error;
      }
      await this.#clock.pause(pauseMs, AbortSignal.any([this.#signal, interrupt()]));
    }
  }

  /** Waits until the host is healthy or the time is over, by default all that there is; whoever goes on then will see. */
  async await(healthy: Promise<void>, signal: AbortSignal, withinMs = this.#leftMs()): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, this.#signal, over.signal]);
    try {
      await Promise.race([unlessAborted(healthy, either), this.#clock.pause(withinMs, either)]);
    } finally {
      over.abort();
    }
  }

  #leftMs(): number {
    const now = this.#clock.now();
    this.#until ??= now + this.#times.withinMs;
    return Math.max(0, this.#until - now);
  }
}

export const isAway = (error: unknown): boolean => error instanceof ProblemError && error.code === 'host-offline';
