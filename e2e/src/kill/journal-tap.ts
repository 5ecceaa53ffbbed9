import { buckets, keys, type HostId } from '@polyvirt/contracts';
import type { Bus } from '@polyvirt/bus';

/** What the journal says of an operation, as far as tests care. */
export interface Entry {
  readonly command: {
    readonly operationId: string;
    readonly verb: string;
    readonly nativeId?: string;
    readonly input: unknown;
  };
  readonly phase: 'running' | 'ended';
  readonly steps: readonly { readonly name: string; readonly status: string }[];
  readonly told: boolean;
}

/** Hears of every write to the journal of a host the moment the server gets it. */
export class JournalTap {
  readonly #listeners = new Set<(entry: Entry) => void>();

  constructor(bus: Bus, host: HostId) {
    bus.connection.subscribe(`$KV.${buckets.journal.name}.${keys.journalOf(host)}`, {
      callback: (_error, message) => {
        if (message.data.length === 0) return;
        const entry = message.json<Entry | { ended: string }>();
        if ('command' in entry) for (const listener of [...this.#listeners]) listener(entry);
      },
    });
  }

  /** Calls back until the answer is called. */
  on(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
