import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Bus, readEvents } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import {
  Host,
  offlineAfterMs,
  ProvidersStatus,
  StatsSummary,
  type HostId,
  type Image,
  type Page,
  type Problem,
} from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { Hosts } from './hosts.ts';

describe('hosts', () => {
  let house: TestHouse;
  let admin: Bus;
  const agents: FakeAgent[] = [];
  /** What the gateways measure silence by. */
  let clockMs = 0;

  beforeAll(async () => {
    house = await TestHouse.start({
      hosts: ['kvm-a', 'kvm-b', 'kvm-c'],
      times: { now: () => clockMs },
    });
    await house.startGateway();
    admin = await house.connect('admin');
  });
  afterAll(() => house.stop());
  afterEach(async () => {
    for (const agent of agents.splice(0)) for (const id of [...agent.vms.keys()]) await agent.vanish(id);
    await eventually(async () => expect((await house.call<Page<unknown>>('GET', '/vms')).body.items).toEqual([]));
  });

  const host = async (id: HostId, gateway = house.gateway) =>
    (await house.call<Host>('GET', `/hosts/${id}`, undefined, {}, gateway)).body;
  const start = async (id: HostId): Promise<FakeAgent> => {
    const agent = await house.startAgent(id);
    agents.push(agent);
    for (const gateway of house.gateways)
      await eventually(async () => expect((await host(id, gateway)).state).toBe('ready'));
    return agent;
  };

  /** Has the agent fall silent, and the gateways hear what it had said until then. */
  const silence = async (agent: FakeAgent) => {
    await agent.end();
    for (const { app } of house.gateways) await app.get(Bus).connection.flush();
  };
  /** Has time pass for the gateways as it does for those that are awake: a second, a look, a second, a look. */
  const letPass = (ms: number) => {
    for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
      clockMs += Math.min(leftMs, 1_000);
      for (const { app } of house.gateways) app.get(Hosts).lookForSilence();
    }
  };

  /** What the stream tells of a host: its comings and goings. */
  const told = async (id: HostId) => {
    const enough = new AbortController();
    const { state } = await admin.manager.streams.info('POLYVIRT_EVENTS');
    const seen: string[] = [];
    if (state.last_seq === 0) return seen;
    for await (const { sequence, event } of readEvents(admin, { fromSequence: 1, signal: enough.signal })) {
      if (event.type.startsWith('host.') && event.subject === id)
        seen.push(`${event.type} ${(event.data as Host & { incarnation: string }).incarnation}`);
      if (sequence === state.last_seq) enough.abort();
    }
    return seen;
  };
  const tells = (id: HostId, ...events: string[]) =>
    eventually(async () => expect(await told(id)).toEqual(events.map((event) => `host.${event}`)));

  it('are shown with state, capabilities and totals, and counted for dashboards', async () => {
    const agent = await start('kvm-a');
    await agent.show('vm-1', { state: 'running', cpus: 2, memoryMiB: 1_024 });
    await agent.show('vm-2', { cpus: 1, memoryMiB: 512 });
    await eventually(async () =>
      expect((await host('kvm-a')).totals).toEqual({ vms: 2, running: 1, cpus: 3, memoryMiB: 1_536 }),
    );
    expect(Host.parse(await host('kvm-a'))).toEqual(await host('kvm-a'));
    const { body: page } = await house.call<Page<Host>>('GET', '/hosts?limit=1');
    expect(page.items.map(({ id }) => id)).toEqual(['kvm-a']);
    const { body: images } = await house.call<Page<Image>>('GET', '/hosts/kvm-a/images');
    expect(images.items.map(({ name }) => name)).toEqual(['rescue', 'tiny-linux']);
    for (const list of ['networks', 'templates']) {
      expect((await house.call('GET', `/hosts/kvm-a/${list}`)).status).toBe(200);
    }
    const missing = await house.call<Problem>('GET', '/hosts/kvm-z/images');
    expect([missing.status, missing.body.code]).toEqual([404, 'host-not-found']);

    await eventually(async () => {
      const { body } = await house.call<StatsSummary>('GET', '/stats/summary');
      expect(StatsSummary.parse(body)).toMatchObject({
        vms: { total: 2, byState: { running: 1, stopped: 1, paused: 0 }, byHypervisor: { kvm: 2, nutanix: 0 } },
        cpus: { allocated: 3, running: 2 },
        memoryMiB: { allocated: 1_536, running: 1_024 },
        operations: { pending: 0, running: 0 },
      });
      const states = (await house.call<Page<Host>>('GET', '/hosts')).body.items.map(({ state }) => state);
      const inState = (state: string) => states.filter((one) => one === state).length;
      expect(body.hosts).toEqual({
        total: states.length,
        ready: inState('ready'),
        draining: inState('draining'),
        offline: inState('offline'),
      });
      expect(body.hosts.ready).toBeGreaterThan(0);
    });
    const { body } = await house.call<ProvidersStatus>('GET', '/providers/status');
    expect(ProvidersStatus.parse(body).providers).toContainEqual(
      expect.objectContaining({ host: 'kvm-a', state: 'ready', vms: 2 }),
    );
  });

  it('come and go once, however many gateways notice', async () => {
    const agent = await start('kvm-b');
    await tells('kvm-b', 'online incarnation-1');
    agent.incarnation = 'incarnation-2';
    await tells('kvm-b', 'online incarnation-1', 'online incarnation-2');
    await agent.show('lonely');
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-b~lonely')).status).toBe(200));
    await silence(agent);
    letPass(offlineAfterMs - 1_000);
    expect((await host('kvm-b')).state).toBe('ready');
    letPass(1_000);
    expect((await host('kvm-b')).state).toBe('offline');
    const refused = await house.call<Problem>('POST', '/vms/kvm-b~lonely/start');
    expect([refused.status, refused.body.code]).toEqual([503, 'host-offline']);
    expect((await house.call('GET', '/vms/kvm-b~lonely')).status).toBe(200);
    const gone = ['online incarnation-1', 'online incarnation-2', 'offline incarnation-2'];
    await tells('kvm-b', ...gone);
    // A third has heard nothing itself, and is told by the stream.
    await house.withGateway(async (third) => expect((await host('kvm-b', third)).state).toBe('offline'));
    await agent.begin();
    await eventually(async () => expect((await host('kvm-b')).state).toBe('ready'));
    await tells('kvm-b', ...gone, 'online incarnation-2');
  });

  it.each([
    [-120_000, /^The clock of this host is 120 s ahead of that of the gateway/],
    [90_000, /^The clock of this host is 90 s behind that of the gateway/],
  ])('say when their clock is another one (%s ms)', async (brokerAheadMs, note) => {
    const agent = await start('kvm-c');
    expect((await host('kvm-c')).notes).toEqual([]);
    agent.brokerAheadMs = brokerAheadMs;
    await eventually(async () => expect((await host('kvm-c')).notes).toEqual([expect.stringMatching(note)]));
    agent.brokerAheadMs = 0;
    await eventually(async () => expect((await host('kvm-c')).notes).toEqual([]));
  });

  it('take no commands while their hypervisor does not work, but those that wait for it', async () => {
    const agent = await start('kvm-b');
    await agent.show('patient', { state: 'stopped' });
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-b~patient')).status).toBe(200));
    const before = agent.health;
    try {
      agent.health = { status: 'unhealthy', detail: 'libvirt does not answer.' };
      await eventually(async () => expect((await host('kvm-b')).health.status).toBe('unhealthy'));
      expect((await host('kvm-b')).state).toBe('ready');
      const refused = await house.call<Problem>('POST', '/vms/kvm-b~patient/start');
      expect([refused.status, refused.body.code]).toEqual([503, 'host-offline']);
      expect(refused.body.detail).toContain('libvirt does not answer.');
      const waiting = await house.call('POST', '/vms/kvm-b~patient/start', { whenOffline: 'queue' });
      expect(waiting.status).toBe(202);
    } finally {
      agent.health = before;
    }
    await eventually(async () => expect((await host('kvm-b')).health.status).toBe('healthy'));
  });

  it('are taken for online by a gateway that has just started, if they were', async () => {
    const agent = await start('kvm-c');
    await tells('kvm-c', 'online incarnation-1');
    // So that it cannot have heard of it itself.
    await silence(agent);
    await house.withGateway(async (fresh) => expect((await host('kvm-c', fresh)).state).toBe('ready'));
  });
});
