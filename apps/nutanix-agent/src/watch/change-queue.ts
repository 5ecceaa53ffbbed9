import type { Change } from '@polyvirt/hypervisor';

/** Changes until they are asked for; one that waits already is not added again. */
export class ChangeQueue implements AsyncIterable<Change> {
  readonly #waiting = new Map<string, Change>();
  #closed = false;
  #wake: (() => void) | undefined;

  push(change: Change): void {
    if (change === 'everything') this.#waiting.clear();
    if (!this.#waiting.has('')) this.#waiting.set(change === 'everything' ? '' : change.nativeId, change);
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Change> {
    while (!this.#closed) {
      const next = this.#waiting.entries().next();
      if (next.done) await new Promise<void>((resolve) => (this.#wake = resolve));
      else {
        this.#waiting.delete(next.value[0]);
        yield next.value[1];
      }
    }
  }
}
