import { unlessAborted } from '@polyvirt/bus';

/** Lets one after another in, in the order they came, for each key by itself. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Resolves when every key is free, with the function that frees them again. Keys are taken in one order everywhere, so
   * that two who want the same two never wait for each other. Throws the reason of the signal when that is earlier.
   */
  async take(keys: readonly string[], signal?: AbortSignal): Promise<() => void> {
    const held: (() => void)[] = [];
    const release = () => {
      for (const free of held.splice(0).reverse()) free();
    };
    try {
      for (const key of [...new Set(keys)].sort()) held.push(await this.#takeOne(key, signal));
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  async in<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const release = await this.take([key]);
    try {
      return await work();
    } finally {
      release();
    }
  }

  async #takeOne(key: string, signal: AbortSignal | undefined): Promise<() => void> {
    const before = this.#last.get(key);
    let free = () => {};
    const mine = new Promise<void>((resolve) => {
      free = resolve;
    });
    const last = before ? before.then(() => mine) : mine;
    this.#last.set(key, last);
    void last.then(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    try {
      if (before) await unlessAborted(before, signal);
      signal?.throwIfAborted();
    } catch (error) {
      // Whoever stands behind still waits for the one before.
      free();
      throw error;
    }
    return free;
  }
}
