import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import net, { type AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { ConnectError, ErrorCode, LibvirtError } from '../index.ts';
import { FakeDaemon, Refusal } from '../testing/fake-daemon.ts';
import { testCertificates } from '../testing/test-certificates.ts';
import type { RpcConnection } from './rpc-connection.ts';
import { closeSession, openSession, type SessionOptions } from './session.ts';
import type { Transport } from './transport.ts';

describe('openSession', () => {
  let daemon: FakeDaemon;
  let servers: net.Server[];
  let connections: RpcConnection[];

  beforeEach(() => {
    daemon = new FakeDaemon();
    servers = [];
    connections = [];
  });

  afterEach(async () => {
    for (const connection of connections) connection.destroy();
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
    await daemon.close();
  });

  async function open(transport: Transport, options: Partial<SessionOptions> = {}): Promise<RpcConnection> {
    const keepalive = { intervalMs: 5_000, count: 5 };
    const connection = await openSession({
      transport,
      uri: 'qemu:///system',
      connectTimeoutMs: 5_000,
      keepalive,
      ...options,
    });
    connections.push(connection);
    return connection;
  }

  async function port(server: net.Server): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /** A TLS daemon that verifies clients as libvirtd does: after the handshake, by a byte or by hanging up. */
  function tlsPort(): Promise<number> {
    const { ca, serverCert: cert, serverKey: key } = testCertificates;
    const server = tls.createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: false }, (socket) => {
      socket.on('error', () => {});
      if (!socket.authorized) return void socket.end();
      socket.write(Buffer.from([1]));
      daemon.serve(socket);
    });
    return port(server);
  }

  const trusted = {
    ca: testCertificates.ca,
    cert: testCertificates.clientCert,
    key: testCertificates.clientKey,
  };

  it('asks for the authentication list, opens, and leaves keepalive alone on a Unix socket', async () => {
    await open({ kind: 'unix', socketPath: await daemon.listen() });
    expect(daemon.calls).toEqual(['authList', 'connectOpen']);
  });

  it('agrees on keepalive over a Unix socket where the daemon is to end a client that is frozen', async () => {
    const keepalive = { intervalMs: 5_000, count: 5, byDaemon: true };
    await open({ kind: 'unix', socketPath: await daemon.listen() }, { keepalive });
    expect(daemon.calls).toEqual(['authList', 'connectSupportsFeature', 'connectOpen']);
  });

  it('agrees on keepalive over TCP', async () => {
    await open({
      kind: 'tcp',
      host: '127.0.0.1',
      port: await port(net.createServer((socket) => daemon.serve(socket))),
    });
    expect(daemon.calls).toEqual(['authList', 'connectSupportsFeature', 'connectOpen']);
  });

  it('opens read-only', async () => {
    let flags: number | undefined;
    daemon.on('connectOpen', (args) => {
      flags = args.flags;
    });
    await open({ kind: 'unix', socketPath: await daemon.listen() }, { readOnly: true });
    expect(flags).toBe(1);
  });

  it('waits for the byte that accepts its certificate before it speaks over TLS', async () => {
    await open({ kind: 'tls', host: '127.0.0.1', port: await tlsPort(), tls: trusted });
    expect(daemon.calls).toEqual(['authList', 'connectSupportsFeature', 'connectOpen']);
  });

  it('says that its certificate was refused, though the handshake succeeded', async () => {
    const refused = open({ kind: 'tls', host: '127.0.0.1', port: await tlsPort(), tls: { ca: trusted.ca } });
    await expect(refused).rejects.toThrow('refused the client certificate');
    expect(daemon.calls).toEqual([]);
  });

  it('refuses a server that it cannot verify', async () => {
    const unverified = open({ kind: 'tls', host: '127.0.0.1', port: await tlsPort(), tls: {} });
    await expect(unverified).rejects.toThrow(ConnectError);
  });

  it('authenticates by polkit when the daemon asks for it', async () => {
    daemon.on('authList', () => ({ types: [2] }));
    daemon.on('authPolkit', () => ({ complete: true }));
    await open({ kind: 'unix', socketPath: await daemon.listen() });
    expect(daemon.calls).toEqual(['authList', 'authPolkit', 'connectOpen']);
  });

  it('keeps the error of polkit as the cause', async () => {
    daemon.on('authList', () => ({ types: [2] }));
    daemon.on('authPolkit', () => {
      throw new Refusal(ErrorCode.AUTH_CANCELLED, 'authentication cancelled');
    });
    const error = await open({ kind: 'unix', socketPath: await daemon.listen() }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).cause).toBeInstanceOf(LibvirtError);
    expect((error as ConnectError).cause).toMatchObject({ code: ErrorCode.AUTH_CANCELLED });
  });

  describe('with SASL', () => {
    const credentials = { username: 'ada', password: 'pässword' };
    let tokens: string[];

    beforeEach(() => {
      tokens = [];
      daemon.on('authList', () => ({ types: [1] }));
      daemon.on('authSaslInit', () => ({ mechlist: 'SCRAM-SHA-256,PLAIN' }));
      daemon.on('authSaslStart', ({ mech, data }) => {
        tokens.push(`${mech} ${Buffer.from(data).toString()}`);
        return { complete: tokens[0]!.endsWith('pässword'), nil: 1, data: Buffer.alloc(0) };
      });
      daemon.on('authSaslStep', () => {
        throw new Refusal(ErrorCode.AUTH_FAILED, 'authentication failed');
      });
    });

    it('sends user name and password over TLS', async () => {
      await open({ kind: 'tls', host: '127.0.0.1', port: await tlsPort(), tls: trusted }, { credentials });
      expect(tokens).toEqual(['PLAIN \0ada\0pässword']);
    });

    it('reports a wrong password', async () => {
      const transport: Transport = { kind: 'unix', socketPath: await daemon.listen() };
      const wrong = open(transport, { credentials: { username: 'ada', password: 'wrong' } });
      await expect(wrong).rejects.toThrow('authentication failed');
    });

    it('asks for credentials', async () => {
      await expect(open({ kind: 'unix', socketPath: await daemon.listen() })).rejects.toThrow('user name and password');
    });

    it('never shows the password to a plain TCP connection', async () => {
      const plain = await port(net.createServer((socket) => daemon.serve(socket)));
      await expect(open({ kind: 'tcp', host: '127.0.0.1', port: plain }, { credentials })).rejects.toThrow('plain TCP');
      expect(tokens).toEqual([]);
    });

    it('names the mechanisms when it knows none of them', async () => {
      daemon.on('authSaslInit', () => ({ mechlist: 'GSSAPI' }));
      const opening = open({ kind: 'unix', socketPath: await daemon.listen() }, { credentials });
      await expect(opening).rejects.toThrow('GSSAPI');
    });
  });

  it('gives up when the daemon does not answer in time', async () => {
    const late = new AbortController();
    const timeout = jest.spyOn(AbortSignal, 'timeout').mockReturnValue(late.signal);
    const asked = Promise.withResolvers<void>();
    daemon.on('connectOpen', () => {
      asked.resolve();
      return new Promise<never>(() => {});
    });
    const opening = open({ kind: 'unix', socketPath: await daemon.listen() }, { connectTimeoutMs: 1_000 });
    const refused = expect(opening).rejects.toThrow('cannot open qemu:///system: too late');
    await asked.promise;
    expect(timeout.mock.calls).toEqual([[1_000]]);
    timeout.mockRestore();
    late.abort(new Error('too late'));
    await refused;
  });

  it('gives up when a transport of the caller does not open in time, and closes it when it comes late', async () => {
    const late = Promise.withResolvers<Duplex>();
    const opening = open({ kind: 'custom', open: () => late.promise }, { connectTimeoutMs: 50 });
    await expect(opening).rejects.toThrow(ConnectError);
    const stream = new Duplex({ read() {}, write() {} });
    const closed = new Promise((resolve) => stream.once('close', resolve));
    late.resolve(stream);
    await closed;
  });

  it('names the socket that it cannot reach', async () => {
    await expect(open({ kind: 'unix', socketPath: '/nonexistent/libvirt-sock' })).rejects.toThrow(
      'cannot reach libvirt at /nonexistent/libvirt-sock',
    );
  });

  it('says goodbye before it closes', async () => {
    const connection = await open({ kind: 'unix', socketPath: await daemon.listen() });
    await closeSession(connection);
    expect(daemon.calls.at(-1)).toBe('connectClose');
    expect(connection.closed).toBe(true);
  });
});
