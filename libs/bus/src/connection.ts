import { Logger } from '@nestjs/common';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import {
  connect,
  errors,
  type Authenticator,
  type NatsConnection,
  type NodeConnectionOptions,
  type TlsOptions,
} from '@nats-io/transport-node';
import { queryDeadlineMs, type HostId } from '@polyvirt/contracts';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { guestTag } from './authority/authority.ts';
import { coreApi, importedApi } from './authority/flows.ts';
import { readCredentials, type Credential } from './authority/jwt.ts';
import { hostMessageKey, keyOf } from './authority/keys.ts';
import { inboxPrefix } from './authorization.ts';
import { retry } from './retry.ts';

export interface BusOptions {
  /** `nats://host:port` or `tls://host:port`; several of one cluster are separated by commas. */
  readonly url: string;
  /**
   * In the format of a `.creds` file; without one, as a server without accounts takes clients. One that may change is read again at
   * every connection.
   */
  readonly credentials?: string | (() => string) | undefined;
  readonly tls?: BusTls | undefined;
  /** What the monitoring of nats-server calls this client. */
  readonly name: string;
  /** Ends the wait for a first connection. */
  readonly signal?: AbortSignal | undefined;
  /** How long a first connection that is refused is tried again; not at all unless said. */
  readonly refusedForMs?: number | undefined;
  /** How long a question waits for its answer; `queryDeadlineMs` of the contract unless a test gives more. */
  readonly queryWithinMs?: number | undefined;
}

/** Paths of PEM files. */
export interface BusTls {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

const log = new Logger('Bus');

/**
 * Connects and stays connected: a server that is away is tried again for ever. A first connection that the server
 * refuses, or whose certificate is not good, is an error, at once unless `refusedForMs` says.
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const { signal, url, queryWithinMs, credentials, refusedForMs = 0 } = options;
  const read =
    typeof credentials === 'function' ? credentials : credentials === undefined ? undefined : () => credentials;
  const identity = read && readCredentials(read());
  const settings = connectionOptions(options, identity, read);
  const refusal = new Refusal();
  const connection = await retry(() => connect(settings), {
    signal,
    retryable: (error) => {
      if (isRefusal(error)) return refusal.again() < refusedForMs;
      return !isCertificateFault(error);
    },
    onRetry: (error, attempt) => {
      if (attempt === 1) log.warn(`Waiting for nats-server at ${url}: ${(error as Error).message}`);
    },
    maxDelayMs: 2_000,
  });
  const isGuest = identity?.tags.includes(guestTag) ?? false;
  const api = isGuest ? importedApi : coreApi;
  const manager = await jetstreamManager(connection, { checkAPI: false, apiPrefix: api });
  return new Bus(connection, manager, jetstream(connection, { apiPrefix: api }), {
    queryWithinMs,
    isGuest,
    secrets: identity ?? noSecrets,
  });
}

/** How long a server has refused a credential, and let nobody in by it. */
class Refusal {
  #since: number | undefined;

  /** Answers for how many milliseconds. */
  again(): number {
    const now = performance.now();
    this.#since ??= now;
    return now - this.#since;
  }

  end(): void {
    this.#since = undefined;
  }
}

/**
 * Whether nats-server does not take a credential. One that came too late for the server, as this process or its machine was busy, was
 * not looked at.
 */
export const isRefusal = (error: unknown): boolean =>
  error instanceof errors.AuthorizationError && !/timeout/i.test(error.message);

/** Codes of Node's TLS: `ERR_TLS_CERT_ALTNAME_INVALID`, `CERT_HAS_EXPIRED`, `DEPTH_ZERO_SELF_SIGNED_CERT`. */
const isCertificateFault = (error: unknown): boolean =>
  /^(?:ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_)/.test(String((error as { code?: unknown }).code ?? ''));

function connectionOptions(
  { url, tls, name }: BusOptions,
  credential: Credential | undefined,
  read: (() => string) | undefined,
): NodeConnectionOptions {
  const servers = url.split(',').map((server) => new URL(server.trim()));
  const secure = tls ?? (servers.some(({ protocol }) => protocol === 'tls:') ? {} : undefined);
  return {
    servers: servers.map(({ host }) => host),
    name,
    ...(credential && { authenticator: authenticatorOf(read!), inboxPrefix: inboxPrefix(credential.name) }),
    ...(secure && { tls: tlsOptions(secure, servers) }),
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => 100 + Math.random() * 400,
    // A credential that is being changed is refused for a moment; that is no reason to give up for good.
    ignoreAuthErrorAbort: true,
    // The addresses by which the members of a cluster know each other need not be reachable from here, and each refusal would bring
    // the others up again, without end.
    ignoreClusterUpdates: true,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    timeout: 5_000,
  };
}

/** Shows the token, and signs what the server wants signed. */
function authenticatorOf(read: () => string): Authenticator {
  let known = readCredentials(read());
  return (nonce = '') => {
    try {
      known = readCredentials(read());
    } catch (error) {
      log.warn(`The credential cannot be read again, so the one before is shown: ${(error as Error).message}`);
    }
    return {
      jwt: known.token,
      nkey: '',
      sig: Buffer.from(keyOf(known.seed).sign(new TextEncoder().encode(nonce))).toString('base64url'),
    };
  };
}

function tlsOptions({ caFile, certFile, keyFile }: BusTls, servers: readonly URL[]): TlsOptions {
  // Numbers of the sixth version stand in brackets in a URL, and in a certificate without.
  const numbers = servers.map(({ hostname }) => hostname.replace(/^\[|\]$/g, '')).filter((host) => isIP(host) !== 0);
  return {
    ...(caFile && { ca: readFileSync(caFile, 'utf8') }),
    ...(certFile && { cert: readFileSync(certFile, 'utf8') }),
    ...(keyFile && { key: readFileSync(keyFile, 'utf8') }),
    ...(numbers.length > 0 && { checkServerIdentity: identityCheck(numbers, servers) }),
  };
}

/** What Node calls a server that the client has not named. */
const unnamed = 'localhost';

/**
 * The client names no server whose address is a number, and does not say which of them it is connected to: the certificate has to be
 * one of any of these. They are one cluster, and each has all that the others have.
 */
const identityCheck =
  (numbers: readonly string[], servers: readonly URL[]): typeof checkServerIdentity =>
  (name, certificate) => {
    const fault = checkServerIdentity(name, certificate);
    if (name !== unnamed || (!fault && servers.some(({ hostname }) => hostname === name))) return fault;
    const faults = numbers.map((number) => checkServerIdentity(number, certificate));
    return faults.includes(undefined) ? undefined : faults[0];
  };

interface BusIdentity {
  readonly queryWithinMs?: number | undefined;
  /** Of an account that takes JetStream from CORE. */
  readonly isGuest: boolean;
  readonly secrets: Pick<Credential, 'name' | 'seed' | 'messageKey'>;
}

/** On a server without accounts nobody is kept from anything. */
const noSecrets = { name: '', seed: '', messageKey: '' };

/** A connection to nats-server. Everything else in this library takes one. */
export class Bus {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly queryWithinMs: number;
  /** Whether its account takes JetStream from CORE, and so may only use what it imports from there. */
  readonly isGuest: boolean;
  readonly #secrets: BusIdentity['secrets'];
  #connected = true;
  readonly #reconnected = new Set<() => void>();
  readonly #lost = new Set<() => void>();
  readonly #refused = new Set<(forMs: number) => void>();
  readonly #refusal = new Refusal();

  constructor(
    connection: NatsConnection,
    manager: JetStreamManager,
    client: JetStreamClient,
    { queryWithinMs = queryDeadlineMs, isGuest, secrets }: BusIdentity,
  ) {
    this.connection = connection;
    this.manager = manager;
    this.jetstream = client;
    this.queryWithinMs = queryWithinMs;
    this.isGuest = isGuest;
    this.#secrets = secrets;
    void this.#follow();
  }

  /**
   * Under what a stream keeps the id of a message about a host that its agent or a gateway may publish: the same from both, so
   * that the stream keeps one of them. It refuses a second message with an id whoever sends it, so no other host may be able to
   * tell what that will be: it is made with a key that only this host and the gateways have. Throws for a credential without one.
   */
  messageId(host: HostId, id: string): string {
    const { name, messageKey } = this.#secrets;
    if (messageKey === undefined)
      throw new Error(`The credential of ${name} has no key for the ids of messages. Have it issued again.`);
    return digest(this.isGuest ? messageKey : hostMessageKey(messageKey, host), id);
  }

  /** The same of a message that nobody else may publish, by the private key that all processes of a service share. */
  ownMessageId(id: string): string {
    return digest(this.#secrets.seed, id);
  }

  get isConnected(): boolean {
    return this.#connected && !this.connection.isClosed();
  }

  /** Whether it has been closed, or is about to be; nothing can be sent any more. */
  get isClosing(): boolean {
    return this.connection.isClosed() || this.connection.isDraining();
  }

  /** Calls back after every reconnection, until the returned function is called. */
  onReconnect(listener: () => void): () => void {
    this.#reconnected.add(listener);
    return () => this.#reconnected.delete(listener);
  }

  /**
   * Calls back whenever the server refuses the credential after the connection was lost, with how long it has done so, until the
   * returned function is called.
   */
  onRefused(listener: (forMs: number) => void): () => void {
    this.#refused.add(listener);
    return () => this.#refused.delete(listener);
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
        this.#refusal.end();
        log.log(`Connected to nats-server at ${status.server} again.`);
        for (const listener of [...this.#reconnected]) listener();
      } else if (status.type === 'error' && isRefusal(status.error)) {
        this.#noteRefusal(status.error);
      } else if (status.type === 'error') {
        log.warn(`nats-server: ${status.error.message}`);
      }
    }
    this.#connected = false;
  }

  /** Tried again several times a second, and said once. */
  #noteRefusal(error: Error): void {
    const forMs = this.#refusal.again();
    if (forMs === 0) log.warn(`nats-server does not take the credential: ${error.message}`);
    for (const listener of [...this.#refused]) listener(forMs);
  }
}

const digest = (key: string, id: string): string => createHmac('sha256', key).update(id).digest('base64url');
