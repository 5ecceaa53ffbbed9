import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectBus } from './index.ts';
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
