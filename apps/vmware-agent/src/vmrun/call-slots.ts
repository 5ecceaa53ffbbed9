/** Bounds how many calls run at once. One slot is never given to a change, so that a look does not wait for a copy. */
export class CallSlots {
  readonly #limit: number;
  #running = 0;
  #changing = 0;
  readonly #waiting: { readonly isChange: boolean; readonly go: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = Math.max(2, limit);
  }

  async within<Result>(kind: 'look' | 'change', call: () => Promise<Result>): Promise<Result> {
    const isChange = kind === 'change';
    if (this.#isFree(isChange)) this.#take(isChange);
    else await new Promise<void>((go) => this.#waiting.push({ isChange, go }));
    try {
      return await call();
    } finally {
      this.#running -= 1;
      if (isChange) this.#changing -= 1;
      this.#next();
    }
  }

  #isFree(isChange: boolean): boolean {
    return this.#running < this.#limit && (!isChange || this.#changing < this.#limit - 1);
  }

  #take(isChange: boolean): void {
    this.#running += 1;
    if (isChange) this.#changing += 1;
  }

  #next(): void {
    const index = this.#waiting.findIndex(({ isChange }) => this.#isFree(isChange));
    if (index === -1) return;
    const [next] = this.#waiting.splice(index, 1);
    this.#take(next!.isChange);
    next!.go();
  }
}

/** One after the other for each key, in the order of asking. */
export class Queues {
  readonly #last = new Map<string, Promise<void>>();

  async within<Result>(keys: readonly string[], work: () => Promise<Result>): Promise<Result> {
    // All keys are taken in one go, so that two works with the same keys cannot wait for each other.
    const before = keys.map((key) => this.#last.get(key) ?? Promise.resolve());
    let done: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => (done = resolve));
    for (const key of keys) this.#last.set(key, mine);
    try {
      await Promise.all(before);
      return await work();
    } finally {
      for (const key of keys) if (this.#last.get(key) === mine) this.#last.delete(key);
      done();
    }
  }
}
