import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { ProblemError, type Host } from '@polyvirt/contracts';
import { EventFeed } from '../events/event-feed.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

describe('the series of the house', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a', 'kvm-b'] });
    agent = await house.startAgent('kvm-a', { capacity: { cpus: 8, memoryMiB: 1_024 } });
    const other = await house.startAgent('kvm-b');
    await agent.show('one', { state: 'running', cpus: 2, memoryMiB: 512 });
    await agent.show('two', { state: 'stopped', cpus: 1, memoryMiB: 512 });
    await eventually(async () => {
      for (const id of ['kvm-a', 'kvm-b'])
        expect((await house.call<Host>('GET', `/hosts/${id}`)).body.state).toBe('ready');
      expect((await house.call('GET', '/vms/kvm-a~two')).status).toBe(200);
    });
    other.state = 'draining';
  });
  afterAll(() => house.stop());

  const scrape = async () => {
    const { text } = await house.gateway.call('GET', '/metrics');
    const types = new Map<string, string>();
    const samples = new Map<string, number>();
    for (const line of text.split('\n')) {
      const [, , name, type] = line.split(' ');
      if (line.startsWith('# TYPE')) types.set(name!, type!);
      else if (line !== '' && !line.startsWith('#'))
        samples.set(line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' '))));
    }
    return { types, samples };
  };

  it('calls counters and nothing else a total', async () => {
    const { types } = await scrape();
    expect(types.size).toBeGreaterThan(40);
    for (const [name, type] of types) expect([name, type === 'counter']).toEqual([name, name.endsWith('_total')]);
  });

  it('has the state, the size and the load of every host, and nothing of what is unknown', async () => {
    const a = 'host="kvm-a",hypervisor="kvm"';
    const b = 'host="kvm-b",hypervisor="kvm"';
    await eventually(async () =>
      expect((await scrape()).samples.get(`polyvirt_host_state{${b},state="draining"}`)).toBe(1),
    );
    const { samples } = await scrape();
    const expected = {
      [`state{${a},state="ready"}`]: 1,
      [`state{${a},state="offline"}`]: 0,
      [`state{${b},state="ready"}`]: 0,
      [`healthy{${a}}`]: 1,
      [`vms{${a}}`]: 2,
      [`vms_running{${a}}`]: 1,
      [`cpus{${a}}`]: 8,
      [`cpus_allocated{${a}}`]: 3,
      [`memory_bytes{${a}}`]: 1_024 * 1_024 * 1_024,
      [`memory_allocated_bytes{${a}}`]: 1_024 * 1_024 * 1_024,
      [`cpus{${b}}`]: undefined,
      [`storage_free_bytes{${a}}`]: undefined,
    };
    for (const [name, value] of Object.entries(expected))
      expect([name, samples.get(`polyvirt_host_${name}`)]).toEqual([name, value]);
    const seen = samples.get(`polyvirt_host_last_seen_timestamp_seconds{${a}}`)!;
    expect(Math.abs(Date.now() / 1_000 - seen)).toBeLessThan(60);
  });

  it('counts operations while they run and when they have ended, by verb and outcome', async () => {
    const gate = agent.hold('vm.start');
    const asked = house.ask('POST', '/vms/kvm-a~two/start');
    await eventually(async () =>
      expect((await scrape()).samples.get('polyvirt_operations_active{status="running"}')).toBe(1),
    );
    gate.release();
    await asked;
    agent.failures.set('vm.reset', new ProblemError('host-rejected', 'No.'));
    await house.ask('POST', '/vms/kvm-a~one/reset');
    const { samples } = await scrape();
    expect(samples.get('polyvirt_operations_active{status="running"}')).toBe(0);
    expect(samples.get('polyvirt_operations_total{verb="vm.start",status="succeeded"}')).toBe(1);
    expect(samples.get('polyvirt_operations_total{verb="vm.reset",status="failed"}')).toBe(1);
    expect(samples.get('polyvirt_operation_seconds_count{verb="vm.start",status="succeeded"}')).toBe(1);
  });

  it('says how far the gateway is behind the events', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    house.gateway.app.get(EventFeed).add({ prepare: () => held });
    await agent.show('one', { cpus: 4 });
    await agent.show('one', { cpus: 5 });
    await eventually(async () =>
      expect((await scrape()).samples.get('polyvirt_event_lag_events')).toBeGreaterThanOrEqual(2),
    );
    release();
    await eventually(async () => {
      const { samples } = await scrape();
      expect(samples.get('polyvirt_event_lag_events')).toBe(0);
      expect(samples.get('polyvirt_event_lag_seconds')).toBe(0);
    });
  });
});
