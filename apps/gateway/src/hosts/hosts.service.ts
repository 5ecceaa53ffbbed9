import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readEvents, type Bus } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { Host, ProvidersStatus, StatsSummary, type Image, type Page, type Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';

describe('hosts', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let admin: Bus;

  beforeAll(async () => {
    house = await TestHouse.start(['kvm-a', 'kvm-b']);
    await house.startGateway();
    admin = await house.connect('admin');
    agent = await house.startAgent();
    await eventually(async () => expect((await host()).state).toBe('ready'));
  }, 30_000);
  afterAll(() => house.stop(), 30_000);

  const host = async () => (await house.call<Host>('GET', '/hosts/kvm-a')).body;

  /** What the stream tells of the host: its comings and goings. */
  const told = async () => {
    const enough = new AbortController();
    const { state } = await admin.manager.streams.info('POLYVIRT_EVENTS');
    const seen: string[] = [];
    for await (const { sequence, event } of readEvents(admin, { fromSequence: 1, signal: enough.signal })) {
      if (event.type.startsWith('host.'))
        seen.push(`${event.type} ${(event.data as Host & { incarnation: string }).incarnation}`);
      if (sequence === state.last_seq) enough.abort();
    }
    return seen;
  };

  it('are shown with state, capabilities and totals', async () => {
    await agent.show('vm-1', { state: 'running', cpus: 2, memoryMiB: 1_024 });
    await agent.show('vm-2', { cpus: 1, memoryMiB: 512 });
    await eventually(async () =>
      expect((await host()).totals).toEqual({ vms: 2, running: 1, cpus: 3, memoryMiB: 1_536 }),
    );
    expect(Host.parse(await host())).toEqual(await host());
    const { body: page } = await house.call<Page<Host>>('GET', '/hosts?limit=1');
    expect(page.items.map(({ id }) => id)).toEqual(['kvm-a']);
    const { body: images } = await house.call<Page<Image>>('GET', '/hosts/kvm-a/images');
    expect(images.items.map(({ name }) => name)).toEqual(['tiny-linux', 'rescue']);
    for (const list of ['networks', 'templates']) {
      expect((await house.call('GET', `/hosts/kvm-a/${list}`)).status).toBe(200);
    }
    const missing = await house.call<Problem>('GET', '/hosts/kvm-z/images');
    expect([missing.status, missing.body.code]).toEqual([404, 'host-not-found']);
  });

  it('are counted for dashboards', async () => {
    await eventually(async () => {
      const { body } = await house.call<StatsSummary>('GET', '/stats/summary');
      expect(StatsSummary.parse(body)).toMatchObject({
        hosts: { total: 1, ready: 1, draining: 0, offline: 0 },
        vms: { total: 2, byState: { running: 1, stopped: 1, paused: 0 }, byHypervisor: { kvm: 2, nutanix: 0 } },
        cpus: { allocated: 3, running: 2 },
        memoryMiB: { allocated: 1_536, running: 1_024 },
        operations: { pending: 0, running: 0 },
      });
    });
    const { body } = await house.call<ProvidersStatus>('GET', '/providers/status');
    expect(ProvidersStatus.parse(body).providers).toMatchObject([{ host: 'kvm-a', state: 'ready', vms: 2 }]);
  });

  it('come and go once, however many gateways notice', async () => {
    expect(await told()).toEqual(['host.online incarnation-1']);
    agent.incarnation = 'incarnation-2';
    await eventually(async () => {
      expect(await told()).toEqual(['host.online incarnation-1', 'host.online incarnation-2']);
    });
    await agent.end();
    await eventually(async () => expect((await host()).state).toBe('offline'), 20_000);
    const refused = await house.call<Problem>('POST', '/vms/kvm-a~vm-2/start');
    expect([refused.status, refused.body.code]).toEqual([503, 'host-offline']);
    expect((await house.call('GET', '/vms/kvm-a~vm-2')).status).toBe(200);
    await eventually(async () => expect((await told()).at(-1)).toBe('host.offline incarnation-2'));
    // A third has heard nothing itself, and is told by the stream.
    const third = await house.startGateway();
    house.gateways.pop();
    expect((await house.call<Host>('GET', '/hosts/kvm-a', undefined, {}, third)).body.state).toBe('offline');
    await third.stop();
    await agent.begin();
    await eventually(async () => expect((await host()).state).toBe('ready'));
    await eventually(async () => {
      expect(await told()).toEqual([
        'host.online incarnation-1',
        'host.online incarnation-2',
        'host.offline incarnation-2',
        'host.online incarnation-2',
      ]);
    });
  }, 60_000);

  it('are taken for online by a gateway that has just started, if they were', async () => {
    const fresh = await house.startGateway();
    house.gateways.pop();
    const { body } = await house.call<Host>('GET', '/hosts/kvm-a', undefined, {}, fresh);
    expect(body.state).toBe('ready');
    await fresh.stop();
  }, 30_000);
});
