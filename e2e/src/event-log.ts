import { setTimeout as delay } from 'node:timers/promises';
import type { Client, CloudEvent, EventOptions, StreamedEvent } from '@polyvirt/api-client';
import { patienceMs } from './requests.ts';

export interface VmEventData {
  readonly vm: { readonly id: string; readonly name: string; readonly state: string };
  readonly operationId?: string;
  readonly requestedBy?: string;
}

interface Wish {
  readonly isWanted: (event: CloudEvent<VmEventData>) => boolean;
  readonly fulfil: () => void;
}

/** Everything that a client has heard of the event stream, in the order it came. */
export class EventLog {
  readonly heard: StreamedEvent<VmEventData>[] = [];
  /** Cursors that its connections began behind. */
  readonly connections: string[] = [];
  readonly #stop = new AbortController();
  readonly #wishes = new Set<Wish>();
  #following: Promise<void> = Promise.resolve();

  private constructor() {}

  /** Resolves when the stream is connected. */
  static async open(client: Client, options: Omit<EventOptions, 'signal' | 'onConnected'> = {}): Promise<EventLog> {
    const log = new EventLog();
    await new Promise<void>((resolve, reject) => {
      log.#following = log.#follow(client, options, resolve);
      log.#following.catch(reject);
    });
    return log;
  }

  get cursors(): string[] {
    return this.heard.map(({ cursor }) => cursor);
  }

  /** Types of the events about a VM, oldest first. */
  typesOf(vmId: string): string[] {
    return this.heard.filter(({ event }) => event.subject === vmId).map(({ event }) => event.type);
  }

  /** The first event that is as wanted, heard already or yet to come. */
  async first(
    isWanted: (event: CloudEvent<VmEventData>) => boolean,
    withinMs = patienceMs,
  ): Promise<StreamedEvent<VmEventData>> {
    const known = () => this.heard.find(({ event }) => isWanted(event));
    if (!known()) {
      const { promise: isHere, resolve } = Promise.withResolvers<void>();
      const wish = { isWanted, fulfil: resolve };
      this.#wishes.add(wish);
      const impatience = new AbortController();
      const tooLate = delay(withinMs, undefined, { signal: impatience.signal }).then(() => {
        const types = this.heard.map(({ event }) => `${event.type} ${event.subject}`);
        throw new Error(`no such event within ${withinMs} ms among ${types.slice(-30).join(', ')}`);
      });
      try {
        // A stream that fails for good ends the waiting with its reason.
        const ended = this.#following.then(() => Promise.reject(new Error('the stream has ended')));
        await Promise.race([isHere, tooLate, ended]);
      } finally {
        impatience.abort();
        this.#wishes.delete(wish);
      }
    }
    return known()!;
  }

  ofVm(vmId: string, type: string, withinMs?: number): Promise<StreamedEvent<VmEventData>> {
    return this.first((event) => event.type === type && event.subject === vmId, withinMs);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following.catch(() => undefined);
  }

  async #follow(client: Client, options: EventOptions, connected: () => void): Promise<void> {
    const onConnected = (cursor: string) => {
      this.connections.push(cursor);
      connected();
    };
    const { signal } = this.#stop;
    for await (const streamed of client.events<VmEventData>({ ...options, signal, onConnected })) {
      this.heard.push(streamed);
      for (const wish of [...this.#wishes]) if (wish.isWanted(streamed.event)) wish.fulfil();
    }
  }
}
