import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { broadcast, listen, openBucket, type Listener } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { buckets, Heartbeat, HostRecord, keys, subjects, type Image } from '@polyvirt/contracts';
import { FakeDriver } from '@polyvirt/hypervisor';
import { AgentBench, host } from '../testing/agent-bench.ts';
import { SecondAgentError } from './only-agent.ts';

describe('a host', () => {
  let bench: AgentBench;
  let beats: Heartbeat[];
  let listener: Listener;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
    beats = [];
    listener = listen(bench.gateway, subjects.heartbeat(host), Heartbeat, (beat) => beats.push(beat));
    await bench.gateway.connection.flush();
  });
  afterEach(async () => {
    listener.close();
    await bench.close();
  });

  const record = async () => (await openBucket(bench.gateway, buckets.hosts, HostRecord).get(keys.host(host)))?.value;

  it('has a record of what it is and what a VM can be made of', async () => {
    const { agent } = await bench.startAgent({ without: { clone: 'There is no room.' } });
    await eventually(async () => expect((await record())?.reconciledAt).toBeDefined());
    expect(await record()).toMatchObject({
      id: host,
      hypervisor: 'kvm',
      simulated: true,
      agentVersion: '0.0.0',
      incarnation: agent.identity.incarnation,
      health: { status: 'healthy' },
      capabilities: { clone: { available: false, reason: 'There is no room.' }, watch: { available: true } },
      images: [{ name: 'tiny-linux' }, { name: 'tiny-iso' }],
      networks: [{ name: 'default' }, { name: 'isolated' }],
      templates: [{ name: 'tiny-template' }],
    });
  });

  it('shows a new image when its driver says that there may be one, and not at the next beat', async () => {
    const images: Image[] = [];
    const driver = new FakeDriver({ images });
    let tell: () => void = () => undefined;
    driver.images!.changes = async function* (signal) {
      while (!signal.aborted) {
        await new Promise<void>((resolve) => {
          tell = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
        yield;
      }
    };
    await bench.adopt({ driver, config: bench.config(), version: '0' });
    await eventually(async () => expect((await record())?.reconciledAt).toBeDefined());
    for (const name of ['alpine', 'debian']) {
      images.push({ name, kind: 'iso' });
      await eventually(async () => {
        tell();
        expect((await record())?.images).toEqual(images);
      });
    }
  });

  it('tells when its hypervisor ceases to be usable, and when it is again', async () => {
    const { driver } = await bench.startAgent();
    driver.host.health = { status: 'unhealthy', detail: 'The daemon is gone.' };
    await eventually(() => expect(bench.types()).toContain('host.health-changed'));
    const health = { status: 'unhealthy', detail: 'The daemon is gone.' };
    await eventually(async () => expect(await record()).toMatchObject({ health }));
    driver.host.health = { status: 'healthy', detail: 'It is back.' };
    await eventually(() => expect(bench.types().filter((type) => type === 'host.health-changed')).toHaveLength(2));
    await eventually(() => expect(beats.at(-1)?.health.status).toBe('healthy'));
  });

  it('says in its notes when its storage is nearly full, and no more when there is room', async () => {
    const { driver } = await bench.startAgent();
    Object.assign(driver.host.capacity, { storageFreeGiB: 0.5 });
    await eventually(async () =>
      expect((await record())?.notes).toContainEqual(expect.stringMatching(/storage is nearly full: 512 MiB/)),
    );
    Object.assign(driver.host.capacity, { storageFreeGiB: 50 });
    await eventually(async () => expect((await record())?.notes.join()).not.toContain('nearly full'));
  });

  it('is unhealthy when its driver hangs', async () => {
    await bench.startAgent({ faults: [{ at: 'probe', hang: true }] }, { times: { probeWithinMs: 60 } });
    const detail = 'The hypervisor did not answer within 0.06 s.';
    expect(await record()).toMatchObject({ health: { status: 'unhealthy', detail } });
  });

  it('is heard at once, and says when it drains', async () => {
    const { agent } = await bench.startAgent();
    await eventually(() =>
      expect(beats[0]).toMatchObject({ host, state: 'ready', incarnation: agent.identity.incarnation }),
    );
    await agent.stop();
    await eventually(() => expect(beats.at(-1)?.state).toBe('draining'));
    await bench.caughtUp();
    expect(bench.types()).toEqual(['host.draining']);
  });

  it('refuses a second agent with a clear sentence', async () => {
    await bench.startAgent();
    const second = bench.startAgent();
    await expect(second).rejects.toThrow(SecondAgentError);
    await expect(second).rejects.toThrow(`Another agent looks after host ${host}`);
  });

  it('lets an agent give way to one that was there before, should both have begun', async () => {
    const seconds: Error[] = [];
    const agent = await bench.adopt({
      driver: new FakeDriver(),
      config: bench.config(),
      version: '0',
      onUnwanted: (error) => seconds.push(error),
    });
    const beat = (startedAt: string): Heartbeat => ({
      host,
      incarnation: 'another',
      state: 'ready',
      health: { status: 'healthy', detail: '' },
      startedAt,
      sentAt: new Date().toISOString(),
    });
    const other = await bench.nats.connect(`agent-${host}`);
    broadcast(other, subjects.heartbeat(host), beat(new Date(Date.now() + 60_000).toISOString()));
    broadcast(other, subjects.heartbeat(host), beat(new Date(Date.now() - 60_000).toISOString()));
    await eventually(() => expect(seconds).toHaveLength(1));
    expect(agent.identity.host).toBe(host);
    await other.close();
  });
});
