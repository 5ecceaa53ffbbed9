/** How long a process may be silent. */
export interface Patience {
  /** After a sign of life. */
  readonly silenceMs: number;
  /** Before its first one. */
  readonly firstSignMs: number;
  /** A silent process that wants more of a core than this is slow; one that wants less hangs. */
  readonly idleShare: number;
}

/**
 * Tells what hangs from what is only slow: a process hangs that has given no sign of life for a while and has not even wanted the
 * CPU meanwhile. Counts only time in which somebody looked, so that a machine that slept or was too busy to look blames nobody.
 */
export class Vigil {
  #silentMs = 0;
  #hasSpoken = false;
  #wantedAtMs: number | undefined;
  readonly #patience: Patience;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** Whether it has ever given a sign of life. */
  get hasSpoken(): boolean {
    return this.#hasSpoken;
  }

  get isSilent(): boolean {
    return this.#silentMs > 0;
  }

  /** It has given a sign of life, or nothing can be told of it now. */
  excuse(): void {
    this.#silentMs = 0;
    this.#wantedAtMs = undefined;
  }

  heard(): void {
    this.#hasSpoken = true;
    this.excuse();
  }

  /**
   * Nothing was heard in the time looked at. Answers whether it hangs.
   * @param wanted  the CPU that the process has had or waited for since it began, in ms; undefined when that is not known
   */
  async missed(lookedMs: number, wanted: () => Promise<number | undefined>): Promise<boolean> {
    this.#wantedAtMs ??= await wanted();
    this.#silentMs += lookedMs;
    const { silenceMs, firstSignMs, idleShare } = this.#patience;
    if (this.#silentMs < (this.#hasSpoken ? silenceMs : firstSignMs)) return false;
    const now = await wanted();
    const wantedMs = now === undefined || this.#wantedAtMs === undefined ? undefined : now - this.#wantedAtMs;
    // Less than before: a thread has ended, so that something goes on.
    if (wantedMs !== undefined && wantedMs >= 0 && wantedMs <= idleShare * this.#silentMs) return true;
    this.excuse();
    return false;
  }
}
