/** Ends tries of calls to Prism when the test says that they have taken too long; the time of the machine ends none. */
export class Deadlines {
  /** Tries that have begun. */
  #begun = 0;
  #pending: AbortController[] = [];
  #waiting: { readonly tries: number; readonly resolve: () => void }[] = [];

  /** For the driver's options. */
  readonly deadline = (): AbortSignal => {
    const end = new AbortController();
    this.#pending.push(end);
    this.#begun += 1;
    const reached = this.#waiting.filter(({ tries }) => this.#begun >= tries);
    this.#waiting = this.#waiting.filter(({ tries }) => this.#begun < tries);
    for (const { resolve } of reached) resolve();
    return end.signal;
  };

  /** The time is up for every try that has begun. */
  pass(): void {
    const late = this.#pending;
    this.#pending = [];
    for (const end of late) end.abort(new DOMException('The test let the deadline pass.', 'TimeoutError'));
  }

  /** Resolves when so many more tries have begun. */
  begun(more: number): Promise<void> {
    const tries = this.#begun + more;
    return new Promise((resolve) => this.#waiting.push({ tries, resolve }));
  }
}
