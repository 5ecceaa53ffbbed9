import { ConnectError } from '../protocol/errors.ts';
import { entryOf } from '../protocol/procedures.ts';
import type { KeepaliveOptions } from './keepalive.ts';
import { RpcConnection } from './rpc-connection.ts';
import { isRemote, openTransport, type Transport } from './transport.ts';

export interface SessionOptions {
  transport: Transport;
  /** Name of the hypervisor connection: `qemu:///system`. */
  uri: string;
  readOnly?: boolean;
  /** For daemons that ask for SASL. The password is only ever sent over TLS, a Unix socket or a custom stream. */
  credentials?: { username: string; password: string };
  /** Time for transport, authentication and opening together; the daemon may be started by this very connection. */
  connectTimeoutMs: number;
  maxInFlight?: number;
  keepalive: KeepaliveOptions | false;
}

const AuthType = { NONE: 0, SASL: 1, POLKIT: 2 } as const;
const READ_ONLY = 1;
/** Feature that lets the daemon send keepalive PINGs. */
const FEATURE_KEEPALIVE = 10;

/** A connection that is authenticated and open. */
export async function openSession(options: SessionOptions): Promise<RpcConnection> {
  const signal = AbortSignal.timeout(options.connectTimeoutMs);
  const socket = await openTransport(options.transport, signal);
  const connection = new RpcConnection(socket, {
    keepalive: options.keepalive,
    ...(options.maxInFlight === undefined ? {} : { maxInFlight: options.maxInFlight }),
  });
  try {
    await authenticate(connection, options, signal);
    // Over a Unix socket the closing socket tells enough of a client that has ended.
    if (options.keepalive && (isRemote(options.transport) || options.keepalive.byDaemon)) {
      await connection.call(
        entryOf('connectSupportsFeature'),
        { feature: FEATURE_KEEPALIVE },
        { signal, timeoutMs: 0 },
      );
    }
    await connection.call(
      entryOf('connectOpen'),
      { name: options.uri, flags: options.readOnly ? READ_ONLY : 0 },
      { signal, timeoutMs: 0 },
    );
    return connection;
  } catch (cause) {
    connection.destroy();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectError(`cannot open ${options.uri}: ${reason}`, { cause });
  }
}

/** Tells the daemon before closing, so that it does not log an error. */
export async function closeSession(connection: RpcConnection): Promise<void> {
  if (connection.closed) return;
  try {
    await connection.call(entryOf('connectClose'), {}, { timeoutMs: CLOSE_TIMEOUT_MS, priority: 'high' });
  } catch {
    // The daemon may be stuck or gone: closing the socket means the same.
  } finally {
    connection.destroy();
  }
}

const CLOSE_TIMEOUT_MS = 1_000;

/** Even a daemon that wants no authentication refuses every call until it was asked for its list. */
async function authenticate(connection: RpcConnection, options: SessionOptions, signal: AbortSignal): Promise<void> {
  const call = { signal, timeoutMs: 0 };
  const { types } = await connection.call(entryOf('authList'), {}, call);
  const type = types[0] ?? AuthType.NONE;
  switch (type) {
    case AuthType.NONE:
      return;
    case AuthType.POLKIT:
      await connection.call(entryOf('authPolkit'), {}, call);
      return;
    case AuthType.SASL:
      return saslPlain(connection, options, signal);
    default:
      throw new ConnectError(`the daemon wants the unknown authentication ${type}`);
  }
}

async function saslPlain(connection: RpcConnection, options: SessionOptions, signal: AbortSignal): Promise<void> {
  const { credentials, transport } = options;
  if (credentials === undefined) throw new ConnectError('the daemon asks for a user name and password (SASL)');
  if (transport.kind === 'tcp') throw new ConnectError('SASL over plain TCP would show the password; use TLS or SSH');
  const call = { signal, timeoutMs: 0 };
  const { mechlist } = await connection.call(entryOf('authSaslInit'), {}, call);
  if (!mechlist.split(',').includes('PLAIN')) {
    throw new ConnectError(`the daemon offers the SASL mechanisms ${mechlist}, of which this client has none (PLAIN)`);
  }
  const data = Buffer.from(`\0${credentials.username}\0${credentials.password}`);
  let reply = await connection.call(entryOf('authSaslStart'), { mech: 'PLAIN', nil: 0, data }, call);
  while (!reply.complete) {
    reply = await connection.call(entryOf('authSaslStep'), { nil: 1, data: Buffer.alloc(0) }, call);
  }
}
