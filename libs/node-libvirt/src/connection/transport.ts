import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { ConnectError } from '../protocol/errors.ts';

/** Client side of TLS. libvirt verifies the client's certificate unless its configuration says otherwise. */
export interface TlsOptions {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  /** Name that the server's certificate must carry; the host by default. */
  servername?: string;
  /** False accepts any server certificate. */
  rejectUnauthorized?: boolean;
}

export type Transport =
  | { kind: 'unix'; socketPath: string }
  | { kind: 'tcp'; host: string; port?: number }
  | { kind: 'tls'; host: string; port?: number; tls?: TlsOptions }
  /** Any byte stream that ends at a libvirt daemon; called once for each connection. */
  | { kind: 'custom'; open: () => Duplex | Promise<Duplex> };

const TCP_PORT = 16509;
const TLS_PORT = 16514;
const TLS_ACCEPTED = 1;
const RUN_DIRECTORY = '/var/run/libvirt';

/** The socket of the modular daemon where there is one, else of the monolithic one. */
export async function findSocket(options: { readOnly?: boolean; directory?: string } = {}): Promise<string> {
  const directory = options.directory ?? RUN_DIRECTORY;
  const suffix = options.readOnly ? '-ro' : '';
  const candidates = [`virtqemud-sock${suffix}`, `libvirt-sock${suffix}`].map((name) => join(directory, name));
  for (const path of candidates) {
    try {
      await access(path);
      return path;
    } catch {
      continue;
    }
  }
  throw new ConnectError(`no libvirt daemon listens here: neither ${candidates.join(' nor ')} exists`);
}

/** A byte stream over a command's standard input and output, for example `ssh host virt-ssh-helper qemu:///system`. */
export function commandTransport(command: string, args: readonly string[]): Transport {
  return {
    kind: 'custom',
    open: () => {
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
      child.once('error', (error) => stream.destroy(error));
      stream.once('close', () => child.kill());
      return stream;
    },
  };
}

export function isRemote(transport: Transport): boolean {
  return transport.kind !== 'unix';
}

/** Resolves with a stream that is ready for packets. Rejects with {@link ConnectError}. */
export async function openTransport(transport: Transport, signal: AbortSignal): Promise<Duplex> {
  try {
    switch (transport.kind) {
      case 'unix':
        return await connected(net.connect({ path: transport.socketPath }), 'connect', signal);
      case 'tcp': {
        const socket = net.connect({
          host: transport.host,
          port: transport.port ?? TCP_PORT,
          noDelay: true,
          keepAlive: true,
        });
        return await connected(socket, 'connect', signal);
      }
      case 'tls':
        return await openTls(transport, signal);
      case 'custom':
        return await opened(transport.open(), signal);
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectError(`cannot reach libvirt at ${describe(transport)}: ${reason}`, { cause });
  }
}

function describe(transport: Transport): string {
  switch (transport.kind) {
    case 'unix':
      return transport.socketPath;
    case 'tcp':
      return `${transport.host}:${transport.port ?? TCP_PORT}`;
    case 'tls':
      return `${transport.host}:${transport.port ?? TLS_PORT} (TLS)`;
    case 'custom':
      return 'the given stream';
  }
}

async function openTls(transport: Transport & { kind: 'tls' }, signal: AbortSignal): Promise<Duplex> {
  const socket = tls.connect({
    host: transport.host,
    port: transport.port ?? TLS_PORT,
    ...(net.isIP(transport.host) ? {} : { servername: transport.host }),
    ...transport.tls,
  });
  await connected(socket, 'secureConnect', signal);
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  // The handshake succeeds even for a client whose certificate is refused: only this byte tells.
  const verdict = await firstByte(socket, signal);
  if (verdict !== TLS_ACCEPTED) {
    socket.destroy();
    throw new Error('the daemon refused the client certificate');
  }
  return socket;
}

function connected<S extends Duplex>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      socket.off('error', settle);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) return resolve(socket);
      socket.destroy();
      reject(error as Error);
    };
    const onAbort = (): void => settle(signal.reason);
    if (signal.aborted) return onAbort();
    socket.once(event, () => settle());
    socket.once('error', settle);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** A stream that comes too late is closed. */
function opened(opening: Duplex | Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
      Promise.resolve(opening).then(
        (late) => late.destroy(),
        () => {},
      );
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    Promise.resolve(opening)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Undefined when the stream ends first. */
function firstByte(socket: Duplex, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (result: () => void): void => {
      socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError);
      signal.removeEventListener('abort', onAbort);
      result();
    };
    const onReadable = (): void => {
      const byte = socket.read(1) as Buffer | null;
      if (byte !== null) settle(() => resolve(byte[0]));
    };
    const onEnd = (): void => settle(() => resolve(undefined));
    const onError = (error: Error): void => settle(() => reject(error));
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
