import { Logger } from '@nestjs/common';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, errors, type NatsConnection } from '@nats-io/transport-node';
import { readFileSync } from 'node:fs';
import { retry } from './retry.ts';

export interface BusOptions {
  /** `nats://host:port` or `tls://host:port`; several of one cluster are separated by commas. */
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: BusTls | undefined;
  /** What the monitoring of nats-server calls this client. */
  readonly name: string;
  /** Ends the wait for a first connection. */
  readonly signal?: AbortSignal | undefined;
}

/** Paths of PEM files. */
export interface BusTls {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

const log = new Logger('Bus');

/**
 * Connects and stays connected: a server that is away is tried again for ever. A server that refuses the credential of
 * a first connection is an error at once.
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const connection = await retry(() => dial(options), {
    signal: options.signal,
    retryable: (error) => !(error instanceof errors.AuthorizationError),
    onRetry: (error, attempt) => {
      if (attempt === 1) log.warn(`Waiting for nats-server at ${options.url}: ${(error as Error).message}`);
    },
    maxDelayMs: 2_000,
  });
  return new Bus(connection, await jetstreamManager(connection, { checkAPI: false }));
}

function dial({ url, user, password, tls, name }: BusOptions): Promise<NatsConnection> {
  const servers = url.split(',').map((server) => server.trim());
  const secure = tls ?? (servers.some((server) => server.startsWith('tls://')) ? {} : undefined);
  return connect({
    servers: servers.map((server) => server.replace(/^tls:/, 'nats:')),
    name,
    ...(user === undefined ? {} : { user, pass: password ?? '', inboxPrefix: inboxPrefix(user) }),
    ...(secure && {
      tls: {
        ...(secure.caFile && { ca: readFileSync(secure.caFile, 'utf8') }),
        ...(secure.certFile && { cert: readFileSync(secure.certFile, 'utf8') }),
        ...(secure.keyFile && { key: readFileSync(secure.keyFile, 'utf8') }),
      },
    }),
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => 100 + Math.random() * 400,
    // A credential that is being changed is refused for a moment; that is no reason to give up for good.
    ignoreAuthErrorAbort: true,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    timeout: 5_000,
  });
}

/** Replies come back below a prefix of the user's own, so that nobody else may listen to them. */
export const inboxPrefix = (user: string) => `_INBOX.${user}`;

/** A connection to nats-server. Everything else in this library takes one. */
export class Bus {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  #connected = true;
  readonly #reconnected = new Set<() => void>();
  readonly #lost = new Set<() => void>();

  constructor(connection: NatsConnection, manager: JetStreamManager) {
    this.connection = connection;
    this.manager = manager;
    this.jetstream = jetstream(connection);
    void this.#follow();
  }

  get isConnected(): boolean {
    return this.#connected && !this.connection.isClosed();
  }

  /** Calls back after every reconnection, until the returned function is called. */
  onReconnect(listener: () => void): () => void {
    this.#reconnected.add(listener);
    return () => this.#reconnected.delete(listener);
  }

  /** Resolves while connected, else after the next reconnection. Throws the reason of the signal, or that the bus is closed. */
  async whenConnected(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.connection.isClosed()) throw new errors.ClosedConnectionError();
    if (this.#connected) return;
    let settle = () => {};
    const done = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const forget = this.onReconnect(settle);
    signal?.addEventListener('abort', settle, { once: true });
    void this.connection.closed().then(settle);
    await done;
    forget();
    signal?.removeEventListener('abort', settle);
    signal?.throwIfAborted();
    if (this.connection.isClosed()) throw new errors.ClosedConnectionError();
  }

  /** The same as the answer, or a ConnectionError as soon as the connection on which it was to come is lost. */
  async whileConnected<Result>(answer: Promise<Result>): Promise<Result> {
    let lose = () => {};
    const lost = new Promise<never>((_resolve, reject) => {
      lose = () => reject(new errors.ConnectionError('the connection to nats-server was lost'));
    });
    this.#lost.add(lose);
    // Of the two, one is not waited for any more.
    answer.catch(() => {});
    try {
      return await Promise.race([answer, lost]);
    } finally {
      this.#lost.delete(lose);
    }
  }

  /** Sends what is buffered, lets subscriptions finish, and closes. May be called twice. */
  async close(): Promise<void> {
    if (this.connection.isClosed()) return;
    // Draining waits for the server, which may be the one that is away.
    if (this.#connected && !this.connection.isDraining()) await this.connection.drain();
    else await this.connection.close();
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        if (this.#connected) log.warn('Lost the connection to nats-server.');
        this.#connected = false;
        for (const lose of this.#lost) lose();
      } else if (status.type === 'reconnect') {
        this.#connected = true;
        log.log(`Connected to nats-server at ${status.server} again.`);
        for (const listener of [...this.#reconnected]) listener();
      } else if (status.type === 'error') {
        log.warn(`nats-server: ${status.error.message}`);
      }
    }
    this.#connected = false;
  }
}
