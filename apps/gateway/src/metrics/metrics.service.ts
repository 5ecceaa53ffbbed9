import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import {
  Metrics,
  MetricsHistory,
  RecentMetrics,
  type Page,
  type Problem,
  type StatsSummary,
} from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';

const iso = (ms: number) => new Date(ms).toISOString();

describe('metrics of a VM', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let count = 0;
  let nativeId: string;
  let id: string;

  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a', 'kvm-b'] });
    agent = await house.startAgent();
  });
  afterAll(() => house.stop());

  beforeEach(async () => {
    nativeId = `vm-${(count += 1)}`;
    id = `kvm-a~${nativeId}`;
    await agent.show(nativeId, { state: 'running', name: `has "quotes" ${count}` });
    await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
  });

  afterEach(async () => {
    for (const one of [...agent.vms.keys()]) await agent.vanish(one);
    await eventually(async () => expect((await house.call<Page<unknown>>('GET', '/vms')).body.items).toEqual([]));
  });

  /** Of the next moment: later than the record of the VM, however fast the machine is. */
  const reading = (change: Partial<Metrics> = {}): Metrics => ({
    vmId: id,
    state: 'running',
    cpuPercent: 25,
    memoryPercent: 50,
    disks: [{ device: 'vda', readBytesPerSecond: 10 }],
    networks: [],
    observedAt: iso(Date.parse(agent.vms.get(nativeId)!.observedAt) + 1),
    ...change,
  });
  const history = async (query: string) =>
    (await house.call<MetricsHistory>('GET', `/vms/${id}/metrics/history?${query}`)).body;
  const present = () => house.call<Metrics>('GET', `/vms/${id}/metrics`);
  /** Waits until a reading is shown as the present. */
  const arrives = (isIt: (metrics: Metrics) => boolean = () => true) =>
    eventually(async () => {
      const { status, body } = await present();
      expect([status, status === 200 && isIt(body)]).toEqual([200, true]);
      return body;
    });

  it('come for the charts of a whole page at once', async () => {
    const other = `quiet-${count}`;
    await agent.show(other, { state: 'running' });
    await eventually(async () => expect((await house.call('GET', `/vms/kvm-a~${other}`)).status).toBe(200));
    agent.measure([reading()]);
    await arrives();
    const ids = [`kvm-a~${other}`, 'kvm-a~nobody', id, id];
    const { status, body } = await house.call<RecentMetrics>('GET', `/metrics/recent?ids=${ids.join(',')}&step=60`);
    expect(status).toBe(200);
    expect(RecentMetrics.parse(body).items.map(({ vmId, points }) => [vmId, points.length])).toEqual([
      [`kvm-a~${other}`, 0],
      [id, 1],
    ]);
    expect(body.items[1]?.points[0]).toMatchObject({ cpuPercent: { average: 25 } });
    expect(Date.parse(body.to) - Date.parse(body.from)).toBe(15 * 60_000);
    const { points } = await history(`from=${body.from}&to=${body.to}&step=60`);
    expect(body.items[1]?.points).toEqual(points);
    for (const query of ['', '?ids=', '?ids=x', `?ids=${Array(201).fill(id).join(',')}`])
      expect((await house.call<Problem>('GET', `/metrics/recent${query}`)).body).toMatchObject({
        code: 'invalid-input',
        errors: [{ pointer: 'ids' }],
      });
  });

  it('are not there before the first reading, and are not zero instead', async () => {
    const { status, body } = await house.call<Problem>('GET', `/vms/${id}/metrics`);
    expect([status, body.code]).toEqual([404, 'metrics-not-found']);
    const unknown = await house.call<Problem>('GET', '/vms/kvm-a~none/metrics');
    expect(unknown.body.code).toBe('vm-not-found');
    expect((await history(`from=${iso(Date.now() - 60_000)}`)).points).toEqual([]);
  });

  it('are shown from the last reading, in history, in the summary and for Prometheus', async () => {
    const from = iso(Date.now() - 60_000);
    agent.measure([reading({ vmId: 'kvm-b~foreign' })]);
    agent.measure([reading()]);
    const body = await arrives();
    expect(Metrics.parse(body)).toMatchObject({ vmId: id, cpuPercent: 25 });
    expect(body).not.toHaveProperty('memoryUsedMiB');
    const { points, stepSeconds } = await history(`from=${from}`);
    expect(stepSeconds).toBe(5);
    expect(points).toHaveLength(1);
    expect(points[0]).toMatchObject({
      cpuPercent: { average: 25, maximum: 25 },
      diskReadBytesPerSecond: { average: 10, maximum: 10 },
    });
    await eventually(async () => {
      const { load } = (await house.call<StatsSummary>('GET', '/stats/summary')).body;
      expect(load).toEqual({ cpuPercent: 25, memoryPercent: 50 });
    });
    const { text } = await house.gateway.call('GET', '/metrics');
    expect(text).toContain(
      String.raw`polyvirt_vm_cpu_percent{vm="${id}",host="kvm-a",hypervisor="kvm",name="has \"quotes\" ${count}"} 25`,
    );
    expect(text).not.toContain('foreign');
    expect(text).toMatch(/^polyvirt_http_request_seconds_count/m);
  });

  it.each(['is stopped', 'is started again after a stop'])('of before it %s are not the present', async (what) => {
    const before = reading();
    agent.measure([before]);
    await arrives();
    await agent.show(nativeId, { state: 'stopped' });
    if (what !== 'is stopped') {
      await eventually(async () => expect((await house.vm(id)).state).toBe('stopped'));
      await agent.show(nativeId, { state: 'running' });
    }
    const state = agent.vms.get(nativeId)!.state;
    await eventually(async () => expect((await house.vm(id)).state).toBe(state));
    const refused = async () => {
      const { status, body } = await house.call<Problem>('GET', `/vms/${id}/metrics`);
      expect([status, body.code]).toEqual(state === 'stopped' ? [409, 'wrong-state'] : [404, 'metrics-not-found']);
      const { text } = await house.gateway.call('GET', '/metrics');
      expect(text).not.toContain(`polyvirt_vm_cpu_percent{vm="${id}"`);
    };
    await refused();
    // One that was on its way meanwhile, and behind it one of another VM, which shows that it has arrived.
    const other = `kvm-a~${nativeId}-other`;
    await agent.show(`${nativeId}-other`, { state: 'running' });
    await eventually(async () => expect((await house.call('GET', `/vms/${other}`)).status).toBe(200));
    agent.measure([{ ...before, cpuPercent: 99 }]);
    agent.measure([reading({ vmId: other, observedAt: iso(Date.now() + 60_000) })]);
    await eventually(async () => expect((await house.call('GET', `/vms/${other}/metrics`)).status).toBe(200));
    await refused();
    if (state === 'stopped') return;
    agent.measure([reading({ cpuPercent: 5, observedAt: iso(Date.now() + 60_000) })]);
    expect(await arrives(({ cpuPercent }) => cpuPercent === 5)).toMatchObject({ state: 'running' });
  });

  it('are kept by the minute for charts, each minute once, shared between gateways', async () => {
    const minute = Math.floor(Date.now() / 60_000) * 60_000 - 3 * 3_600_000;
    const query = `from=${iso(minute)}&to=${iso(minute + 30 * 60_000)}&step=60`;
    await house.withGateway(async (second) => {
      for (let n = 0; n < 30; n++) {
        const at = iso(minute + n * 60_000);
        const vms = [{ vmId: id, samples: 12, cpuPercent: { average: n, maximum: 2 * n } }];
        // A gap from the tenth to the twentieth minute.
        if (n < 10 || n >= 20) await agent.rollUp({ minute: at, vms });
      }
      await eventually(async () => expect((await history(query)).points).toHaveLength(20));
      const answer = await history(query);
      expect(MetricsHistory.parse(answer)).toEqual(answer);
      expect(answer.points.map(({ cpuPercent }) => cpuPercent!.average)).toEqual([
        ...Array.from({ length: 10 }, (_, n) => n),
        ...Array.from({ length: 10 }, (_, n) => n + 20),
      ]);
      const coarse = await history(`from=${iso(minute)}&to=${iso(minute + 30 * 60_000)}&step=600`);
      expect(coarse.points.length).toBeLessThanOrEqual(4);
      const elsewhere = await house.call<MetricsHistory>(
        'GET',
        `/vms/${id}/metrics/history?${query}`,
        undefined,
        {},
        second,
      );
      expect(elsewhere.body.points).toEqual(answer.points);
    });
  });

  it.each(['from=yesterday', 'step=1', 'from=2020-01-01T00:00:00Z', 'until=x'])('refuses %s', async (query) => {
    const { status, body } = await house.call<Problem>('GET', `/vms/${id}/metrics/history?${query}`);
    expect([status, body.code]).toEqual([400, 'invalid-input']);
  });

  it('go with the VM', async () => {
    agent.measure([reading()]);
    await arrives();
    await agent.vanish(nativeId);
    await eventually(async () => expect((await house.gateway.call('GET', '/metrics')).text).not.toContain(`"${id}"`));
    expect((await present()).status).toBe(404);
  });
});
