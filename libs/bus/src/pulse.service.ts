import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { execFile } from 'node:child_process';
import { access, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keys, subjects } from '@polyvirt/contracts';
import { ensureTopology, Pulse, takePulse, type Bus } from './index.ts';
import { eventually, NatsServer } from './testing/index.ts';

const run = promisify(execFile);
const services = [
  { service: 'admin' },
  { service: 'gateway' },
  { service: 'organizer' },
  { service: 'agent', host: 'kvm-a' },
] as const;
const withinMs = 500;

describe('the pulse of the bus', () => {
  const open: (() => Promise<void>)[] = [];
  const connect = async (nats: NatsServer, service: string): Promise<Bus> => {
    const bus = await nats.connect(service);
    open.push(() => bus.close());
    return bus;
  };
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));
  afterEach(async () => {
    for (const end of open.splice(0).reverse()) await end();
  });

  it('is there for each service that may take it, and leaves nothing in the streams', async () => {
    await using nats = await NatsServer.start({ services });
    const admin = await connect(nats, 'admin');
    await ensureTopology(admin);
    await takePulse(admin, 'supervisor', { everyStream: true });
    await takePulse(await connect(nats, 'gateway'), 'gateway', { everyStream: true });
    await takePulse(await connect(nats, 'organizer'), 'organizer');
    const agent = await connect(nats, 'agent-kvm-a');
    // An answer that took long says nothing of the clock.
    const { brokerAheadMs, uncertainMs } = await eventually(async () => {
      const reading = await takePulse(agent, keys.pulseOfAgent('kvm-a'));
      expect(reading.brokerAheadMs).toBeDefined();
      return reading;
    });
    // The server has the clock of this machine.
    expect(Math.abs(brokerAheadMs!)).toBeLessThanOrEqual(uncertainMs!);
    const names: string[] = [];
    for await (const { config, state } of admin.manager.streams.list()) if (state.messages > 0) names.push(config.name);
    expect(names.sort()).toEqual(['KV_polyvirt_index', 'KV_polyvirt_pulse']);
    for await (const { config, state } of admin.manager.streams.list())
      if (config.name === 'KV_polyvirt_pulse') expect(state.messages).toBe(4);
  });

  it('is missed while the server is frozen, and is back when it goes on', async () => {
    await using nats = await NatsServer.start({ services });
    const bus = await connect(nats, 'gateway');
    await ensureTopology(bus);
    const lifeFile = join(nats.folder, 'life');
    const pulse = new Pulse(bus, 'gateway', {
      everyStream: true,
      everyMs: 20,
      withinMs,
      wellForMs: withinMs,
      lifeFile,
    });
    open.push(() => pulse.stop());
    expect(pulse.fault).toBeUndefined();
    const isNoted = () => eventually(() => access(lifeFile));
    await isNoted();
    nats.signal('SIGSTOP');
    await eventually(() =>
      expect(pulse.fault).toMatch(/^The message bus has stored nothing for \d+ s\. No answer within/),
    );
    await rm(lifeFile);
    nats.signal('SIGCONT');
    await eventually(() => expect(pulse.fault).toBeUndefined());
    await isNoted();
  });

  it('is missed when one stream has stopped storing on a full disk, though everything else answers and space is back', async () => {
    await using nats = await NatsServer.start({ services });
    await nats.stop();
    const store = join(nats.folder, 'store');
    const ballast = join(store, 'ballast');
    await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', store]);
    try {
      await writeFile(ballast, Buffer.alloc(4 * 1024 * 1024));
      await nats.start();
      const bus = await connect(nats, 'gateway');
      await ensureTopology(bus);
      await takePulse(bus, 'gateway', { everyStream: true });
      const filling = new Uint8Array(200_000);
      // An answer that is late where there is room is a machine that is slow.
      const isFull = async () => {
        const { bavail, bsize } = await statfs(store);
        return bavail * bsize < filling.length * 1.5;
      };
      const fill = async () => {
        for (;;) {
          const wasFull = await isFull();
          try {
            await bus.jetstream.publish(subjects.event('kvm-a', 'vm.created'), filling, { timeout: 2_000 });
          } catch (error) {
            if (wasFull) throw error;
          }
        }
      };
      await expect(fill()).rejects.toThrow();
      await rm(ballast);
      // The server blocks whoever writes to such a stream; others it still serves.
      const other = await connect(nats, 'gateway');
      await other.connection.flush();
      await expect(takePulse(other, 'gateway', { everyStream: true, withinMs })).rejects.toThrow(
        /^No answer within 0.5 s from .*POLYVIRT_EVENTS/,
      );
      await nats.restart();
      const again = await connect(nats, 'gateway');
      await eventually(() => takePulse(again, 'gateway', { everyStream: true }));
    } finally {
      await nats.kill();
      await run('umount', [store]);
    }
  });
});
