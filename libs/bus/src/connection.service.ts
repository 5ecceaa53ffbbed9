import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Authority, connectBus } from './index.ts';
import { eventually, freePort, NatsServer } from './testing/index.ts';

describe('connectBus', () => {
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));

  it('waits for a server that is not there yet', async () => {
    await using nats = await NatsServer.start();
    await nats.stop();
    const connecting = nats.connect();
    await nats.start();
    const bus = await connecting;
    await bus.connection.flush();
    await bus.close();
  });

  it('stops waiting when told to', async () => {
    const url = `nats://127.0.0.1:${await freePort()}`;
    const signal = AbortSignal.timeout(300);
    await expect(connectBus({ url, name: 'test', signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('is not put off by a server that has not waited for its credential', async () => {
    await using nats = await NatsServer.start({ services: [{ service: 'gateway' }] });
    const greeting = 'INFO {"server_id":"x","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576}\r\n';
    let refusals = 0;
    const busy = createServer((socket) => {
      if (refusals === 2) {
        const server = createConnection(nats.port, '127.0.0.1');
        socket.pipe(server).pipe(socket);
        for (const end of [socket, server]) end.on('error', () => undefined);
        return;
      }
      refusals += 1;
      socket.write(greeting);
      socket.once('data', () => socket.end("-ERR 'Authentication Timeout'\r\n"));
    }).listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const url = `nats://127.0.0.1:${(busy.address() as AddressInfo).port}`;
    try {
      const bus = await connectBus({ url, name: 'test', credentials: nats.credentialsOf('gateway') });
      expect(refusals).toBe(2);
      await bus.connection.flush();
      await bus.close();
      const credentials = await new Authority(Authority.newSeed()).credentials({ service: 'gateway' });
      const refused = connectBus({ url, name: 'test', credentials });
      await expect(refused).rejects.toThrow(/authorization violation/i);
    } finally {
      busy.close();
    }
  });

  it('comes back after the server did, and says so', async () => {
    await using nats = await NatsServer.start();
    const bus = await nats.connect();
    let reconnections = 0;
    const forget = bus.onReconnect(() => {
      reconnections += 1;
    });
    for (let round = 1; round <= 2; round += 1) {
      await nats.kill();
      await eventually(() => expect(bus.isConnected).toBe(false));
      await expect(bus.whenConnected(AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'TimeoutError' });
      await nats.start();
      await bus.whenConnected();
      expect(reconnections).toBe(round);
    }
    forget();
    await bus.close();
  });

  it('can be closed twice, and while the server is away', async () => {
    await using nats = await NatsServer.start();
    const bus = await nats.connect();
    await bus.close();
    await bus.close();
    await expect(bus.whenConnected()).rejects.toThrow(/closed/);

    const other = await nats.connect();
    await nats.kill();
    await eventually(() => expect(other.isConnected).toBe(false));
    const waiting = other.whenConnected();
    await other.close();
    await expect(waiting).rejects.toThrow(/closed/);
  });

  describe('over TLS', () => {
    let folder: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'polyvirt-tls-'));
      await promisify(execFile)('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
        ...['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
        ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
      ]);
    });

    afterEach(() => rm(folder, { recursive: true }));

    it('believes only the authority it was given', async () => {
      const file = (name: string) => JSON.stringify(join(folder, name));
      await using nats = await NatsServer.start({
        config: `tls { cert_file: ${file('cert.pem')}, key_file: ${file('key.pem')} }`,
      });
      const url = nats.url.replace('nats:', 'tls:');
      const bus = await connectBus({ url, name: 'test', tls: { caFile: join(folder, 'cert.pem') } });
      await bus.connection.flush();
      await bus.close();
      await expect(connectBus({ url, name: 'test' })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      const caFile = join(folder, 'none.pem');
      await expect(connectBus({ url, name: 'test', tls: { caFile } })).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });
});
