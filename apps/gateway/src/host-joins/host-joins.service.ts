import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  askGateway,
  connectBus,
  credentialsFor,
  isEvent,
  newUserKey,
  proofOf,
  readEvents,
  type Bus,
  type UserKey,
} from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import {
  hostAdded,
  hostDrainChanged,
  hostJoined,
  hostRemoved,
  streams,
  type AuditRecord,
  type Host,
  type JoinedHost,
  type JoinInvitation,
  type Operation,
  type Page,
} from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { HostJoinEntity } from '../hosts/host-join.entity.ts';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';
import { FakeAgent } from '../testing/fake-agent.ts';
import { problemIn, type TestGateway } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

describe('hosts that join', () => {
  let house: TestHouse;
  let other: TestGateway;
  let old: FakeAgent;
  const open: { bus: Bus; agent?: FakeAgent }[] = [];
  const added = new Set<string>();
  beforeAll(async () => {
    house = await TestHouse.start({
      hosts: ['kvm-old'],
      times: { registerLookMs: 50, oldKeyMs: 500, removeAgainMs: 200 },
    });
    other = await house.startGateway();
    old = await house.startAgent('kvm-old');
  });
  afterEach(async () => {
    for (const { bus, agent } of open.splice(0)) {
      await agent?.end();
      await bus.close();
    }
    for (const id of added) await house.call('DELETE', `/hosts/${id}?force=true`);
    added.clear();
  });
  afterAll(() => house.stop());

  const invite = async (id: string): Promise<JoinInvitation> => {
    added.add(id);
    const answer = await house.call<JoinInvitation>('POST', '/hosts', { id, hypervisor: 'kvm' });
    expect(answer.status).toBe(201);
    return answer.body;
  };
  const join = ({ token }: JoinInvitation, { publicKey, seed }: UserKey, gateway = house.gateway) =>
    gateway.call<JoinedHost>('POST', '/api/v1/hosts/join', {
      body: { token, publicKey, proof: proofOf(seed, token), agentVersion: '1.2.3' },
    });
  const connect = async ({ seed }: UserKey, joined: JoinedHost): Promise<Bus> => {
    const credentials = credentialsFor(seed, joined);
    const bus = await connectBus({ url: joined.natsUrls[0]!, credentials, name: `agent of ${joined.host}` });
    open.push({ bus });
    return bus;
  };
  const begin = async (bus: Bus, id: string): Promise<FakeAgent> => {
    const agent = await FakeAgent.start(bus, id);
    open.push({ bus, agent });
    return agent;
  };
  const host = async (id: string, gateway = house.gateway) =>
    (await house.call<Host>('GET', `/hosts/${id}`, undefined, {}, gateway)).body;
  const told = async (id: string): Promise<string[]> => {
    const admin = await house.connect('admin');
    const { state } = await admin.manager.streams.info(streams.events.name);
    const end = new AbortController();
    const seen: string[] = [];
    for await (const { host: about, event, sequence } of readEvents(admin, { fromSequence: 1, signal: end.signal })) {
      if (about === id && [hostAdded, hostJoined, hostDrainChanged, hostRemoved].some((kind) => isEvent(kind, event)))
        seen.push(event.type);
      if (sequence >= state.last_seq) break;
    }
    end.abort();
    return seen;
  };

  it('are shown as joining, join by one line with a key of their own, and work', async () => {
    const invitation = await invite('kvm-new');
    expect(invitation).toMatchObject({
      host: 'kvm-new',
      command: `polyvirt-agent join http://localhost:80 --token ${invitation.token}`,
      notes: [expect.stringContaining('POLYVIRT_NATS_PUBLIC_URL')],
    });
    for (const gateway of house.gateways)
      await eventually(async () =>
        expect(await host('kvm-new', gateway)).toMatchObject({
          state: 'joining',
          health: { status: 'undetected', detail: expect.stringContaining('polyvirt host add') },
          join: { tokenExpiresAt: invitation.expiresAt },
        }),
      );
    const key = newUserKey();
    const { status, body: joined } = await join(invitation, key);
    expect([status, joined]).toMatchObject([200, { host: 'kvm-new', hypervisor: 'kvm', natsUrls: [house.nats.url] }]);
    expect(JSON.stringify(joined)).not.toContain(key.seed);
    expect((await host('kvm-new')).health.detail).toContain('its agent has not begun yet');
    const agent = await begin(await connect(key, joined), 'kvm-new');
    await agent.show('vm-1', { state: 'stopped' });
    for (const gateway of house.gateways)
      await eventually(async () => expect((await host('kvm-new', gateway)).state).toBe('ready'));
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-new~vm-1')).status).toBe(200));
    expect((await house.ask('POST', '/vms/kvm-new~vm-1/start')).body).toMatchObject({ status: 'succeeded' });
    const { join: shown } = await host('kvm-new');
    expect(shown).toEqual({ joinedAt: expect.any(String), joinedFrom: '127.0.0.1' });
    expect(await told('kvm-new')).toEqual([hostAdded.name, hostJoined.name]);
    const { body: audit } = await house.call<Page<AuditRecord>>('GET', '/audit?target=kvm-new');
    expect(audit.items.map(({ action, actor, outcome }) => `${action} ${actor} ${outcome}`)).toEqual([
      'host.join admin/join succeeded',
      'host.add admin succeeded',
    ]);
  });

  it('may ask again with the same key when the answer was lost, and nobody else may', async () => {
    const invitation = await invite('kvm-again');
    const key = newUserKey();
    const first = await join(invitation, key);
    const second = await join(invitation, key, other);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect((await connect(key, second.body)).isConnected).toBe(true);
    const late = problemIn(await join(invitation, newUserKey()));
    expect(late).toMatchObject({ code: 'join-token-used', detail: expect.stringContaining('used from 127.0.0.1 at') });
    expect(await told('kvm-again')).toEqual([hostAdded.name, hostJoined.name]);
  });

  it('are one machine each, whichever of many comes first', async () => {
    const invitation = await invite('kvm-race');
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => join(invitation, newUserKey(), house.gateways[n % 2]!)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(409)]);
  });

  it('change their key by joining again; the old one is good for a while, and then for nothing', async () => {
    const key = newUserKey();
    const { body: first } = await join(await invite('kvm-turn'), key);
    const old = await connect(key, first);
    let shown = credentialsFor(key.seed, first);
    const running = await connectBus({ url: house.nats.url, credentials: () => shown, name: 'agent of kvm-turn' });
    open.push({ bus: running });
    const { status, body: invitation } = await house.call<JoinInvitation>('POST', '/hosts/kvm-turn/rotate');
    expect(status).toBe(200);
    const unused = (await house.call<JoinInvitation>('POST', '/hosts/kvm-turn/rotate')).body;
    expect(problemIn(await join(invitation, newUserKey())).code).toBe('unauthenticated');
    const next = newUserKey();
    const { body: joined } = await join(unused, next, other);
    expect(old.isConnected).toBe(true);
    shown = credentialsFor(next.seed, joined);
    let reconnected = 0;
    running.onReconnect(() => (reconnected += 1));
    const bus = await connect(next, joined);
    await eventually(() => expect([old.isConnected, reconnected]).toEqual([false, 1]));
    expect(running.isConnected).toBe(true);
    await expect(connect(key, joined)).rejects.toThrow(/authorization violation/i);
    expect(bus.isConnected).toBe(true);
    const rows = house.gateway.app.get(Database).repository(HostJoinEntity);
    await eventually(async () => expect(await rows.countBy({ host: 'kvm-turn' })).toBe(1));
    await begin(bus, 'kvm-turn');
    await eventually(async () => expect((await host('kvm-turn')).state).toBe('ready'));
  });

  it('have the key that they joined with let in for longer, and no other; and leave by themselves', async () => {
    const key = newUserKey();
    const { body: joined } = await join(await invite('kvm-stay'), key);
    const bus = await connect(key, joined);
    const admission = await askGateway(bus, 'kvm-stay', 'renew', {});
    expect(Date.parse(admission.expiresAt)).toBeGreaterThan(Date.now() + 80 * 24 * 3_600_000);
    expect((await connect(key, { ...joined, ...admission })).isConnected).toBe(true);
    await expect(connect(newUserKey(), { ...joined, ...admission })).rejects.toThrow(/authorization violation/i);
    const untold = await house.connect('agent-kvm-old');
    await expect(askGateway(untold, 'kvm-old', 'renew', {})).rejects.toMatchObject({ code: 'wrong-state' });
    expect(await askGateway(bus, 'kvm-stay', 'leave', {})).toEqual({});
    // Whichever gateway took the question, the other hears of it a moment later.
    for (const gateway of house.gateways)
      await eventually(async () =>
        expect((await house.call('GET', '/hosts/kvm-stay', undefined, {}, gateway)).status).toBe(404),
      );
    await eventually(() => expect(bus.isConnected).toBe(false));
    await eventually(async () => expect(await told('kvm-stay')).toContain(hostRemoved.name));
    const { body: audit } = await house.call<Page<AuditRecord>>('GET', '/audit?target=kvm-stay&action=host.remove');
    expect(audit.items).toMatchObject([{ actor: 'host kvm-stay', outcome: 'succeeded' }]);
  });

  it('lose the connection when they are removed, with all that was known of them, and nobody else does', async () => {
    const key = newUserKey();
    const joined = (await join(await invite('kvm-gone'), key)).body;
    const bus = await connect(key, joined);
    const agent = await begin(bus, 'kvm-gone');
    await agent.show('vm-1', { state: 'stopped' });
    for (const gateway of house.gateways)
      await eventually(async () =>
        expect((await house.call('GET', '/vms/kvm-gone~vm-1', undefined, {}, gateway)).status).toBe(200),
      );
    const gate = agent.hold('vm.start');
    const { body: operation } = await house.call<Operation>('POST', '/vms/kvm-gone~vm-1/start');
    const refused = problemIn(await house.call('DELETE', '/hosts/kvm-gone'));
    expect(refused).toMatchObject({ code: 'wrong-state', detail: expect.stringContaining('1 operation') });
    expect((await house.call('DELETE', '/hosts/kvm-gone?force=true')).status).toBe(204);
    gate.release();
    await eventually(() => expect(bus.isConnected).toBe(false));
    await expect(connect(key, joined)).rejects.toThrow(/authorization violation/i);
    for (const gateway of house.gateways)
      await eventually(async () => {
        for (const path of ['/hosts/kvm-gone', '/vms/kvm-gone~vm-1'])
          expect((await house.call('GET', path, undefined, {}, gateway)).status).toBe(404);
      });
    await eventually(async () =>
      expect((await house.call<Operation>('GET', `/operations/${operation.id}`)).body).toMatchObject({
        status: 'failed',
        error: { code: 'host-not-found' },
      }),
    );
    expect((await host('kvm-old')).state).toBe('ready');
    expect(await told('kvm-gone')).toEqual([hostAdded.name, hostJoined.name, hostRemoved.name]);
    // What it was let in by is nobody in the account that a host of the same name is given.
    const again = newUserKey();
    const { body: rejoined } = await join(await invite('kvm-gone'), again);
    await connect(again, rejoined);
    await expect(connect(key, joined)).rejects.toThrow(/authorization violation/i);
    expect((await house.call('GET', '/vms/kvm-gone~vm-1')).status).toBe(404);
  });

  it('are removed by the next gateway, whatever one before was killed in', async () => {
    const key = newUserKey();
    const joined = (await join(await invite('kvm-half'), key)).body;
    const bus = await connect(key, joined);
    await begin(bus, 'kvm-half');
    await eventually(async () => expect((await host('kvm-half')).state).toBe('ready'));
    const before = Date.now() - 1_000;
    await house.gateway.app.get(Database).transaction(async (manager) => {
      await manager.update(RegisteredHostEntity, { id: 'kvm-half' }, { removedAt: before });
      await manager.update(HostJoinEntity, { host: 'kvm-half' }, { endsAt: before });
    });
    await eventually(async () => {
      expect(bus.isConnected).toBe(false);
      expect((await house.call('GET', '/hosts/kvm-half')).status).toBe(404);
    });
  });

  it('take nothing new while they are drained, on any gateway, but what ends work', async () => {
    await old.show('calm', { state: 'running' });
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-old~calm')).status).toBe(200));
    const { body: drained } = await house.call<Host>('POST', '/hosts/kvm-old/drain', {});
    expect(drained).toMatchObject({ state: 'draining', drain: { by: 'admin' } });
    for (const gateway of house.gateways) {
      // Before it knows, it would take what is to be refused.
      await eventually(async () => expect((await host('kvm-old', gateway)).state).toBe('draining'));
      const refused = await house.call('POST', '/vms/kvm-old~calm/restart', { whenOffline: 'queue' }, {}, gateway);
      expect(problemIn(refused)).toMatchObject({ code: 'host-offline', detail: expect.stringContaining('--off') });
    }
    expect((await house.ask('POST', '/vms/kvm-old~calm/stop', { force: true })).body.status).toBe('succeeded');
    expect(problemIn(await house.call('POST', '/vms/kvm-old~calm/start')).code).toBe('host-offline');
    expect((await house.call<Host>('POST', '/hosts/kvm-old/drain', { draining: false })).body.state).toBe('ready');
    expect((await house.ask('POST', '/vms/kvm-old~calm/start')).body.status).toBe('succeeded');
    // Asking for what already is changes nothing, and nobody hears of it.
    await house.call('POST', '/hosts/kvm-old/drain', { draining: false });
    await eventually(async () => expect(await told('kvm-old')).toEqual([hostDrainChanged.name, hostDrainChanged.name]));
    expect(problemIn(await house.call('DELETE', '/hosts/kvm-old')).code).toBe('wrong-state');
  });
});
