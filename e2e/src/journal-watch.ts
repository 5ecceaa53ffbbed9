import { openBucket, type Bus } from '@polyvirt/bus';
import { buckets, keys, splitKey } from '@polyvirt/contracts';
import { z } from 'zod';

/** What the tests need to know of a journal entry: that it was written. */
const AnyEntry = z.looseObject({});

/** Counts how often an agent writes the journal of an operation, as it happens. */
export class JournalWatch {
  readonly #end = new AbortController();
  readonly #writes = new Map<string, number>();
  readonly #listeners = new Set<(operationId: string, writes: number) => void>();
  #watching: Promise<void> = Promise.resolve();

  private constructor() {}

  /** Resolves when everything written before has been seen. */
  static async open(bus: Bus, host: string): Promise<JournalWatch> {
    const watch = new JournalWatch();
    const bucket = await openBucket(bus, buckets.journal, AnyEntry);
    await new Promise<void>((resolve, reject) => {
      const follow = async () => {
        for await (const change of bucket.watch(keys.journalOf(host), watch.#end.signal)) {
          if (change.type === 'caught-up') resolve();
          if (change.type !== 'put') continue;
          const { id } = splitKey(change.key);
          const writes = (watch.#writes.get(id) ?? 0) + 1;
          watch.#writes.set(id, writes);
          for (const listener of [...watch.#listeners]) listener(id, writes);
        }
      };
      watch.#watching = follow();
      watch.#watching.catch(reject);
    });
    return watch;
  }

  /** How often the journal of an operation has been written. */
  writesOf(operationId: string): number {
    return this.#writes.get(operationId) ?? 0;
  }

  /**
   * Calls `act` once, when an operation that nobody knew of before is written for the given time. Call the result to give
   * up; it says whether it came to it.
   */
  onWrite(time: number, act: () => void): () => boolean {
    const before = new Set(this.#writes.keys());
    let happened = false;
    const listener = (operationId: string, writes: number) => {
      if (before.has(operationId) || writes !== time || happened) return;
      happened = true;
      act();
    };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      return happened;
    };
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#watching;
  }
}
