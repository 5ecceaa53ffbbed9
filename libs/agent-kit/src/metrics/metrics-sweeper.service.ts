import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { consumeRollups, listen, pause, type Listener } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { MetricsBatch, streams, subjects, type DriverMetrics, type MinuteRollup } from '@polyvirt/contracts';
import { FakeDriver, FakeHost, type HypervisorDriver } from '@polyvirt/hypervisor';
import { newIdentity } from '../host/identity.ts';
import { AgentBench, host } from '../testing/agent-bench.ts';
import { MetricsSweeper } from './metrics-sweeper.ts';

describe('metrics', () => {
  let bench: AgentBench;
  let fake: FakeHost;
  let batches: MetricsBatch[];
  let listener: Listener;
  let end: AbortController;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
    fake = new FakeHost();
    batches = [];
    end = new AbortController();
    listener = listen(bench.gateway, subjects.metrics(host), MetricsBatch, (batch) => batches.push(batch));
    await bench.gateway.connection.flush();
  });
  afterEach(async () => {
    listener.close();
    end.abort();
    await bench.close();
    fake.close();
  });

  it('are read of every VM on the beat', async () => {
    fake.populate(3);
    await bench.startAgent({ host: fake }, { times: { metricsEveryMs: 20 } });
    await eventually(() => expect(batches.length).toBeGreaterThanOrEqual(2));
    expect(batches[0]!.readings.map(({ vmId, state }) => `${vmId} ${state}`)).toEqual([
      'fake-a~vm-00001 running',
      'fake-a~vm-00002 stopped',
      'fake-a~vm-00003 running',
    ]);
    expect(batches[0]!.readings[1]!.cpuPercent).toBeUndefined();
  });

  it.each([
    ['20,000 VMs', 20_000, 1],
    ['VMs with thousands of devices', 8, 4_000],
  ])('of a host with %s come in as many messages as it takes, and none is lost', async (_, vms, devices) => {
    const disks = Array.from({ length: devices }, (_, n) => ({ device: `vd${n}`, readBytesPerSecond: 123_456_789.25 }));
    const observedAt = new Date().toISOString();
    const readings: DriverMetrics[] = Array.from({ length: vms }, (_, n) => {
      return { nativeId: `vm-${n}`, state: 'running', cpuPercent: n / 7, disks, networks: [], observedAt };
    });
    const driver = { metrics: { sweep: () => Promise.resolve(readings) } } as Partial<HypervisorDriver>;
    const bus = await bench.nats.connect(`agent-${host}`);
    const sweeper = new MetricsSweeper(bus, driver as HypervisorDriver, newIdentity(host, '0'), end.signal, 600_000);
    sweeper.start();
    const expected = readings.map(({ nativeId }) => `${host}~${nativeId}`);
    await eventually(() => expect(batches.flatMap((batch) => batch.readings)).toHaveLength(vms));
    expect(batches.flatMap((batch) => batch.readings.map(({ vmId }) => vmId))).toEqual(expected);
    await sweeper.stop();
    const kept: string[] = [];
    for await (const { content, ack } of consumeRollups(bench.gateway, { signal: end.signal })) {
      kept.push(...content.vms.map(({ vmId }) => vmId));
      await ack();
      if (kept.length >= vms) break;
    }
    expect(kept.sort()).toEqual(expected.sort());
    await bus.close();
  });

  it('are never read twice at the same time: what takes too long is a gap', async () => {
    fake.populate(1);
    const driver = new FakeDriver({ host: fake });
    const facet = driver.metrics!;
    const sweep = facet.sweep.bind(facet);
    let under = 0;
    let most = 0;
    let sweeps = 0;
    facet.sweep = async (signal) => {
      most = Math.max(most, (under += 1));
      sweeps += 1;
      // Several beats of this length pass meanwhile.
      await pause(100, signal);
      return sweep(signal).finally(() => (under -= 1));
    };
    await bench.adopt({ driver, config: bench.config(), version: '0', times: { metricsEveryMs: 10 } });
    await eventually(() => expect(sweeps).toBeGreaterThanOrEqual(3));
    expect(most).toBe(1);
  });

  it('that a change has overtaken say a time before it, whatever the driver says', async () => {
    fake.populate(1);
    const id = 'vm-00001';
    const driver = new FakeDriver({ host: fake });
    const facet = driver.metrics!;
    const sweep = facet.sweep.bind(facet);
    const read = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    facet.sweep = async (signal) => {
      const readings = await sweep(signal);
      read.resolve();
      await stopped.promise;
      // As of drivers that look at the clock when the last VM has answered.
      return readings.map((reading) => ({ ...reading, observedAt: new Date().toISOString() }));
    };
    await bench.adopt({ driver, config: bench.config(), version: '0' });
    await read.promise;
    fake.powerOff(id);
    const record = await eventually(async () => {
      const found = await bench.record(id);
      expect(found?.state).toBe('stopped');
      return found!;
    });
    stopped.resolve();
    await eventually(() => expect(batches).toHaveLength(1));
    const [reading] = batches[0]!.readings;
    expect(reading).toMatchObject({ vmId: `${host}~${id}`, state: 'running' });
    expect(Date.parse(reading!.observedAt)).toBeLessThanOrEqual(Date.parse(record.observedAt));
  });

  it('go on after a sweep has failed', async () => {
    fake.populate(1);
    await bench.startAgent(
      { host: fake, faults: [{ at: 'metrics', failWith: 'host-rejected', times: 1 }] },
      { times: { metricsEveryMs: 20 } },
    );
    await eventually(() => expect(batches.length).toBeGreaterThanOrEqual(1));
  });

  it('of the minute under way are rolled up when the agent stops, and the next agent does not count them again', async () => {
    fake.populate(1);
    const rollups: MinuteRollup[] = [];
    const reading = (async () => {
      for await (const { content, ack } of consumeRollups(bench.gateway, { signal: end.signal })) {
        rollups.push(content);
        await ack();
      }
    })();
    for (let start = 0; start < 2; start += 1) {
      const { agent } = await bench.startAgent({ host: fake }, { times: { metricsEveryMs: 20 } });
      const seen = batches.length;
      await eventually(() => expect(batches.length).toBeGreaterThan(seen));
      await agent.stop();
    }
    const { state } = await bench.gateway.manager.streams.info(streams.rollups.name);
    expect(state.last_seq).toBeGreaterThan(0);
    await eventually(() => expect(rollups).toHaveLength(state.last_seq));
    end.abort();
    await reading;
    // The same minute twice would count twice; two minutes are two, when the test ran over a full one.
    const minutes = rollups.map(({ minute }) => minute);
    expect(new Set(minutes).size).toBe(minutes.length);
    expect(rollups[0]!.vms[0]).toMatchObject({ vmId: 'fake-a~vm-00001', samples: expect.any(Number) });
  });
});
