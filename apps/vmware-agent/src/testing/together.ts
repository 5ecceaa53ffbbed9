/** Work that mostly waits, and so is done a few at a time. It begins when the first of it is asked for. */
export class Together {
  readonly #most: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  #hasBegun = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** Answers what waits for the end of the work. */
  add(work: () => Promise<void>): () => Promise<void> {
    const end = Promise.withResolvers<void>();
    // Who asks hears it, later.
    end.promise.catch(() => undefined);
    this.#waiting.push(() => work().then(end.resolve, end.reject));
    return () => {
      this.#begin();
      return end.promise;
    };
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    for (let lane = 0; lane < this.#most; lane += 1) void this.#go();
  }

  async #go(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) await next();
  }
}
