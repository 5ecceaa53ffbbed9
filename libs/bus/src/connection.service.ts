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
    const file = (name: string) => join(folder, name);
    // By default a client has two seconds, which are over on a busy machine before it has spoken.
    const tls = (name: string) =>
      `tls { cert_file: ${JSON.stringify(file(`${name}.pem`))}, key_file: ${JSON.stringify(file(`${name}-key.pem`))}, timeout: 60 }`;
    const certify = (name: string, ...addresses: string[]) =>
      promisify(execFile)('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
        ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=${addresses.join(',')}`],
        ...['-keyout', file(`${name}-key.pem`), '-out', file(`${name}.pem`)],
      ]);

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'polyvirt-tls-'));
    });

    afterEach(() => rm(folder, { recursive: true }));

    it('believes only the authority it was given', async () => {
      await certify('here', 'IP:127.0.0.1');
      await using nats = await NatsServer.start({ config: tls('here') });
      const url = nats.url.replace('nats:', 'tls:');
      const bus = await connectBus({ url, name: 'test', tls: { caFile: file('here.pem') } });
      await bus.connection.flush();
      await bus.close();
      await expect(connectBus({ url, name: 'test' })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      const caFile = join(folder, 'none.pem');
      await expect(connectBus({ url, name: 'test', tls: { caFile } })).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('takes any server of a cluster that is given by numbers, by the certificate of its own number', async () => {
      await certify('here', 'IP:127.0.0.1');
      await using nats = await NatsServer.start({ config: tls('here') });
      // Nobody listens there.
      for (const first of ['tls://127.0.0.9:1', 'tls://[::1]:1', 'tls://localhost:1']) {
        const url = `${first},${nats.url.replace('nats:', 'tls:')}`;
        const bus = await connectBus({ url, name: 'test', tls: { caFile: file('here.pem') } });
        await bus.connection.flush();
        await bus.close();
      }
    });

    it('takes none by the certificate of an address that it was not given', async () => {
      await certify('elsewhere', 'IP:192.0.2.7', 'DNS:localhost');
      await using nats = await NatsServer.start({ config: tls('elsewhere') });
      const url = nats.url.replace('nats:', 'tls:');
      await expect(connectBus({ url, name: 'test', tls: { caFile: file('elsewhere.pem') } })).rejects.toMatchObject({
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      });
    });
  });
});
