interface Work {
  begin(): Promise<void>;
}

/** Work that mostly waits, and so is done a few at a time: what a test asks for first, and some of the rest beside it. */
export class Together {
  readonly #most: number;
  readonly #waiting: Work[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Answers what waits for the end of the work. */
  add(work: () => Promise<void>): () => Promise<void> {
    const end = Promise.withResolvers<void>();
    // Who asks hears it, later.
    end.promise.catch(() => undefined);
    const own: Work = { begin: () => work().then(end.resolve, end.reject) };
    this.#waiting.push(own);
    return () => {
      const place = this.#waiting.indexOf(own);
      if (place !== -1) this.#waiting.unshift(...this.#waiting.splice(place, 1));
      this.#fill();
      return end.promise;
    };
  }

  /** Begins nothing more, and resolves when all that has begun has ended. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    await Promise.all(this.#running);
  }

  #fill(): void {
    while (this.#running.size < this.#most) {
      const next = this.#waiting.shift();
      if (!next) return;
      const running = next.begin().finally(() => {
        this.#running.delete(running);
        this.#fill();
      });
      this.#running.add(running);
    }
  }
}
