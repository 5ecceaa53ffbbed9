import { EventEmitter } from 'node:events';
import { addAbortSignal } from 'node:stream';
import { watchDriver } from './connection/driver-watch.ts';
import { EventRouter, type Subscription } from './connection/event-router.ts';
import type { KeepaliveOptions } from './connection/keepalive.ts';
import type { LibvirtStream } from './connection/libvirt-stream.ts';
import { Link, LinkPool, type BackoffOptions } from './connection/link.ts';
import type { CallOptions, RpcConnection } from './connection/rpc-connection.ts';
import { closeSession, openSession } from './connection/session.ts';
import type { TlsOptions, Transport } from './connection/transport.ts';
import { Domains } from './facade/domains.ts';
import { Host } from './facade/host.ts';
import { Networks } from './facade/networks.ts';
import { Statistics } from './facade/statistics.ts';
import { Pools, Volumes } from './facade/storage.ts';
import { parseTarget, type Target } from './facade/uri.ts';
import type { LibvirtError } from './protocol/errors.ts';
import type { EventKind, EventName, EventOf } from './protocol/events.ts';
import type { ArgsOf, Procedure, ResultOf, StreamProcedure } from './protocol/procedure.ts';
import {
  entryOf,
  procedures,
  type CallProcedureName,
  type ProcedureEntry,
  type Procedures,
  type StreamProcedureName,
} from './protocol/procedures.ts';
import { statisticsProcedures } from './protocol/procedures/statistics.ts';

export interface LibvirtOptions {
  /** `qemu:///system` by default; also `qemu+tcp://host/system`, `qemu+tls://host/system`, `qemu+ssh://user@host/system`. */
  uri?: string;
  /** Socket of the daemon. Without it `virtqemud-sock` and then `libvirt-sock` in /var/run/libvirt are tried. */
  socketPath?: string;
  /** Where the daemon is, in place of what the URI says. */
  transport?: Transport;
  /** Open read-only: the daemon refuses every change, and a few questions, with error 29. */
  readOnly?: boolean;
  tls?: TlsOptions;
  /** For daemons that ask for SASL (PLAIN). */
  credentials?: { username: string; password: string };
  /** Time to connect, authenticate and open; 15 s by default. */
  connectTimeoutMs?: number;
  /** Pauses between attempts to get a lost daemon back; 100 ms doubling to 5 s by default. */
  backoff?: BackoffOptions;
  /** How long a call waits for a lost daemon before it fails with ConnectError; 2 s by default. */
  reconnectWaitMs?: number;
  /** A PING after 5 s of silence and a dead connection after 5 unanswered ones by default. */
  keepalive?: KeepaliveOptions | false;
}

/**
 * Calls are spread over connections, since the daemon reads at most five calls of one at a time: `queries` (events and
 * what answers at once), `statistics`, `changes` (whatever may wait for a domain) and `transfers` (whatever takes as
 * long as its data). Streams get a connection each.
 */
export type Channel = 'queries' | 'statistics' | 'changes' | 'transfers';

export interface LibvirtCallOptions extends CallOptions {
  /** The channel follows from the procedure unless it is given. */
  channel?: Channel;
}

type CallArguments<P extends Procedure> =
  Record<never, never> extends ArgsOf<P>
    ? [args?: ArgsOf<P>, options?: LibvirtCallOptions]
    : [args: ArgsOf<P>, options?: LibvirtCallOptions];

/** Every procedure as a method: arguments as one object, the decoded reply as the result. */
export type Calls = {
  readonly [K in CallProcedureName]: (...args: CallArguments<Procedures[K]>) => Promise<ResultOf<Procedures[K]>>;
};

export interface LibvirtEvents {
  /** The events and queries connection was lost. It is being reopened. */
  disconnected: [reason: Error | undefined];
  /** Back again, with all events registered. What happened in between was not delivered: list everything again. */
  reconnected: [];
  /** After a reconnect the daemon refused an event that it knew before. */
  eventRefused: [error: LibvirtError];
}

const DEFAULT_URI = 'qemu:///system';
const DEFAULT_CONNECT_TIMEOUT_MS = 15_000;
const DEFAULT_RECONNECT_WAIT_MS = 2_000;
const DEFAULT_BACKOFF: BackoffOptions = { minMs: 100, maxMs: 5_000 };
const DEFAULT_KEEPALIVE: KeepaliveOptions = { intervalMs: 5_000, count: 5 };
const POOL_SIZE = 4;
const POOL_SLOTS = 4;

/** A libvirt daemon. */
export class Libvirt extends EventEmitter<LibvirtEvents> {
  /** The typed procedures of the protocol. */
  readonly call: Calls;
  readonly domains = new Domains(this);
  readonly networks = new Networks(this);
  readonly pools = new Pools(this);
  readonly volumes = new Volumes(this);
  readonly host = new Host(this);
  readonly statistics = new Statistics(this, () => this.link());

  private readonly options: LibvirtOptions;
  private readonly target: Target;
  private readonly queries: Link;
  private readonly changes: LinkPool;
  private readonly transfers: LinkPool;
  private readonly router: EventRouter;
  private readonly statisticsLink: Link;
  private readonly streamConnections = new Set<RpcConnection>();

  private constructor(options: LibvirtOptions) {
    super();
    this.options = options;
    this.target = parseTarget(options.uri ?? DEFAULT_URI, options);
    this.router = new EventRouter(
      () => this.queries.connection(),
      (error) => this.emit('eventRefused', error),
    );
    this.queries = this.link(options.backoff ?? DEFAULT_BACKOFF, (connection) => this.prepareQueries(connection));
    this.queries.on('disconnected', (reason) => this.emit('disconnected', reason));
    this.queries.on('reconnected', () => this.emit('reconnected'));
    this.statisticsLink = this.link();
    this.changes = new LinkPool(() => this.link(), POOL_SIZE, POOL_SLOTS);
    this.transfers = new LinkPool(() => this.link(), POOL_SIZE, POOL_SLOTS);
    this.call = this.bindCalls();
  }

  /**
   * Makes a client that connects with its first call, for a daemon that may not be there yet. Calls fail with ConnectError
   * until it is.
   */
  static lazy(options: LibvirtOptions = {}): Libvirt {
    return new Libvirt(options);
  }

  /**
   * Connects and keeps connected until {@link close}.
   *
   * @throws {ConnectError} the daemon cannot be reached or refuses; later losses are retried in the background
   */
  static async connect(options: LibvirtOptions = {}): Promise<Libvirt> {
    const libvirt = Libvirt.lazy(options);
    try {
      await libvirt.queries.connection();
    } catch (error) {
      await libvirt.close();
      throw error;
    }
    return libvirt;
  }

  get connected(): boolean {
    return this.queries.connected;
  }

  /** Name of the hypervisor connection: `qemu:///system`. */
  get uri(): string {
    return this.target.uri;
  }

  /**
   * Delivers an event of all objects to `listener`, across reconnects, until the subscription is closed. Events can
   * come before or after the reply to the call that caused them, and none are kept while the daemon is away.
   *
   * @throws {LibvirtError} code 1 when the daemon is too old for the event
   */
  subscribe<K extends EventKind, N extends EventName<K>>(
    kind: K,
    name: N,
    listener: (event: EventOf<K, N>) => void,
  ): Promise<Subscription> {
    return this.router.subscribe(kind, name, listener);
  }

  /** Opens a stream on a connection of its own, which ends with the stream. */
  async openStream<N extends StreamProcedureName>(
    name: N,
    args: ArgsOf<Procedures[N]>,
    options: CallOptions & { sparse?: boolean } = {},
  ): Promise<{ stream: LibvirtStream; result: ResultOf<Procedures[N]> }> {
    // A writer that waits for a disk looks silent to keepalive.
    const connection = await this.open(false);
    this.streamConnections.add(connection);
    connection.once('close', () => this.streamConnections.delete(connection));
    try {
      const opened = await connection.openStream(
        entryOf(name) as ProcedureEntry<StreamProcedure>,
        args as never,
        options,
      );
      opened.stream.once('close', () => void closeSession(connection));
      options.signal?.throwIfAborted();
      if (options.signal) addAbortSignal(options.signal, opened.stream);
      return opened as { stream: LibvirtStream; result: ResultOf<Procedures[N]> };
    } catch (error) {
      await closeSession(connection);
      throw error;
    }
  }

  /** Calls one procedure by name; `call` has the same as methods. */
  async invoke<N extends CallProcedureName>(
    name: N,
    args: ArgsOf<Procedures[N]>,
    options: LibvirtCallOptions = {},
  ): Promise<ResultOf<Procedures[N]>> {
    const entry = entryOf(name);
    const link = this.linkFor(options.channel ?? channelOf(name));
    const result = await link.use((connection) => connection.call(entry, args as never, options));
    return result as ResultOf<Procedures[N]>;
  }

  /** Ends all connections. Calls in flight fail; their outcome is unknown. */
  async close(): Promise<void> {
    for (const connection of this.streamConnections) connection.destroy();
    await Promise.all([
      this.queries.close(),
      this.statisticsLink.close(),
      this.statistics.close(),
      this.changes.close(),
      this.transfers.close(),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async prepareQueries(connection: RpcConnection): Promise<void> {
    await watchDriver(connection);
    await this.router.attach(connection);
  }

  private linkFor(channel: Channel): Link {
    switch (channel) {
      case 'queries':
        return this.queries;
      case 'statistics':
        return this.statisticsLink;
      case 'changes':
        return this.changes.pick();
      case 'transfers':
        return this.transfers.pick();
    }
  }

  private link(backoff?: BackoffOptions, prepare?: (connection: RpcConnection) => Promise<void>): Link {
    return new Link({
      open: () => this.open(this.options.keepalive ?? DEFAULT_KEEPALIVE),
      waitMs: this.options.reconnectWaitMs ?? DEFAULT_RECONNECT_WAIT_MS,
      ...(backoff === undefined ? {} : { backoff }),
      ...(prepare === undefined ? {} : { prepare }),
    });
  }

  private async open(keepalive: KeepaliveOptions | false): Promise<RpcConnection> {
    const { readOnly, credentials, connectTimeoutMs } = this.options;
    return openSession({
      transport: await this.target.transport(),
      uri: this.target.uri,
      connectTimeoutMs: connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      keepalive,
      ...(readOnly === undefined ? {} : { readOnly }),
      ...(credentials === undefined ? {} : { credentials }),
    });
  }

  private bindCalls(): Calls {
    const calls: Record<string, unknown> = {};
    for (const name of Object.keys(procedures)) {
      if ('direction' in procedures[name as keyof Procedures]) continue;
      calls[name] = (args: never = {} as never, options?: LibvirtCallOptions) =>
        this.invoke(name as CallProcedureName, args, options);
    }
    return calls as Calls;
  }
}

function channelOf(name: keyof Procedures): Channel {
  if (Object.hasOwn(statisticsProcedures, name)) return 'statistics';
  switch (procedures[name].pace) {
    case 'quick':
      return 'queries';
    case 'slow':
    case 'long':
      return 'changes';
    case 'unbounded':
      return 'transfers';
  }
}
