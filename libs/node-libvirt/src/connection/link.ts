import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectError } from '../protocol/errors.ts';
import type { RpcConnection } from './rpc-connection.ts';
import { closeSession } from './session.ts';

export interface BackoffOptions {
  /** Pause before the second attempt; it doubles from there. */
  minMs: number;
  maxMs: number;
}

export interface LinkOptions {
  /** Opens one session. */
  open: () => Promise<RpcConnection>;
  /** Prepares a fresh session before anyone gets it; an error makes the attempt fail. */
  prepare?: (connection: RpcConnection) => Promise<void>;
  /** With backoff a lost session is reopened in the background for ever, else when it is next needed. */
  backoff?: BackoffOptions;
  /** How long a caller waits for a session that is being reopened in the background. */
  waitMs: number;
}

export interface LinkEvents {
  disconnected: [reason: Error | undefined];
  /** A new session replaces one that was lost. Events are registered; whatever happened in between was not seen. */
  reconnected: [];
}

/** A place in the program that always leads to a live session, whatever happens to the single ones. */
export class Link extends EventEmitter<LinkEvents> {
  private readonly options: LinkOptions;
  private readonly stopped = new AbortController();
  private session: RpcConnection | undefined;
  private opening: Promise<RpcConnection> | undefined;
  private reopening: Promise<RpcConnection> | undefined;
  private lastError: unknown;
  private users = 0;

  constructor(options: LinkOptions) {
    super();
    this.options = options;
  }

  /** Work under way, to choose the least busy of several links. A call that timed out still counts. */
  get load(): number {
    const calls = this.session === undefined ? 0 : this.session.inFlight + this.session.queued;
    return Math.max(this.users, calls);
  }

  get connected(): boolean {
    return this.session !== undefined;
  }

  /** The live session; opens one where there is none. Rejects with {@link ConnectError}: nothing was sent. */
  async connection(): Promise<RpcConnection> {
    if (this.session !== undefined) return this.session;
    if (this.reopening === undefined) return this.open();
    return this.waitFor(this.reopening);
  }

  /** Does `work` with the live session. */
  async use<T>(work: (connection: RpcConnection) => Promise<T>): Promise<T> {
    this.users++;
    try {
      return await work(await this.connection());
    } finally {
      this.users--;
    }
  }

  async close(): Promise<void> {
    this.stopped.abort(new ConnectError('the client was closed'));
    const session = this.session ?? (await this.opening?.catch(() => undefined));
    this.session = undefined;
    if (session !== undefined) await closeSession(session);
  }

  private open(): Promise<RpcConnection> {
    if (this.stopped.signal.aborted) return Promise.reject(this.stopped.signal.reason as Error);
    this.opening ??= this.openOnce().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private async openOnce(): Promise<RpcConnection> {
    const session = await this.options.open();
    try {
      await this.options.prepare?.(session);
      this.stopped.signal.throwIfAborted();
      if (session.closed) throw new ConnectError('the daemon closed the connection while it was being prepared');
    } catch (error) {
      session.destroy();
      throw error;
    }
    this.session = session;
    session.once('close', (reason) => this.lost(session, reason));
    return session;
  }

  private lost(session: RpcConnection, reason: Error | undefined): void {
    if (this.session !== session) return;
    this.session = undefined;
    this.lastError = reason;
    if (this.stopped.signal.aborted) return;
    if (this.options.backoff !== undefined) {
      this.reopening = this.reopen(this.options.backoff).finally(() => (this.reopening = undefined));
      // Only close() ends the loop with an error, and then nobody needs it.
      this.reopening.catch(() => {});
    }
    this.emit('disconnected', reason);
  }

  private async reopen(backoff: BackoffOptions): Promise<RpcConnection> {
    for (let pause = backoff.minMs; ; pause = Math.min(pause * 2, backoff.maxMs)) {
      try {
        const session = await this.open();
        this.emit('reconnected');
        return session;
      } catch (error) {
        this.stopped.signal.throwIfAborted();
        this.lastError = error;
      }
      // Jitter keeps the clients of a restarted daemon from coming back in step.
      const { signal } = this.stopped;
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  private async waitFor(reopening: Promise<RpcConnection>): Promise<RpcConnection> {
    const waited = new AbortController();
    const tooLong = delay(this.options.waitMs, undefined, { signal: waited.signal, ref: false }).then(() => {
      const reason = this.lastError instanceof Error ? this.lastError.message : 'the daemon went away';
      throw new ConnectError(`not connected to libvirt: ${reason}`, { cause: this.lastError });
    });
    try {
      return await Promise.race([reopening, tooLong]);
    } finally {
      tooLong.catch(() => {});
      waited.abort();
    }
  }
}

/** A few links for work that keeps its slots for long: a new one is opened when all others are full. */
export class LinkPool {
  private readonly links: Link[] = [];
  private readonly create: () => Link;
  private readonly size: number;
  private readonly slots: number;

  constructor(create: () => Link, size: number, slots: number) {
    this.create = create;
    this.size = size;
    this.slots = slots;
  }

  pick(): Link {
    const best = this.links.reduce<Link | undefined>((a, b) => (a === undefined || b.load < a.load ? b : a), undefined);
    if (best !== undefined && (best.load < this.slots || this.links.length >= this.size)) return best;
    const link = this.create();
    this.links.push(link);
    return link;
  }

  async close(): Promise<void> {
    await Promise.all(this.links.map((link) => link.close()));
  }
}
