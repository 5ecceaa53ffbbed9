import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { vmUpdated, type CloudEvent, type Metrics, type Problem, type VmRecord } from '@polyvirt/contracts';
import { io, type Socket } from 'socket.io-client';
import { EventFeed } from '../events/event-feed.ts';
import { vmRecord, type FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';
import { LiveConnections, mostTopicsEach } from './live-connections.ts';

interface Heard {
  cursor: string;
  event: CloudEvent;
}
type Reply = { cursor?: string; error?: Problem };

/** A browser's end of a live connection. */
class Listener {
  readonly heard: Heard[] = [];
  readonly readings: Metrics[] = [];
  closed: { reason: string; cursor: string } | undefined;
  refused: Problem | undefined;
  failed = false;

  constructor(readonly socket: Socket) {
    socket.on('event', (message: Heard) => this.heard.push(message));
    socket.on('metrics', ({ readings }: { readings: Metrics[] }) => this.readings.push(...readings));
    socket.on('closed', (message: { reason: string; cursor: string }) => (this.closed = message));
    socket.on('connect_error', (error: Error & { data?: Problem }) => {
      this.failed = true;
      this.refused = error.data;
    });
  }

  say(what: string, message: unknown): Promise<Reply> {
    return this.socket.timeout(20_000).emitWithAck(what, message) as Promise<Reply>;
  }
}

describe('a live connection', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let url: string;
  let count = 0;
  const listeners: Listener[] = [];

  beforeAll(async () => {
    house = await TestHouse.start();
    agent = await house.startAgent();
    await house.gateway.app.listen(0, '127.0.0.1');
    url = await house.gateway.app.getUrl();
    await eventually(() => expect(house.gateway.app.get(EventFeed).window.last).toBeGreaterThan(0));
  });
  afterEach(() => {
    for (const { socket } of listeners.splice(0)) socket.disconnect();
  });
  afterAll(() => house.stop());

  function open(token: string | undefined, headers: Record<string, string> = {}, at = url): Listener {
    const socket = io(at, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      extraHeaders: headers,
      auth: token === undefined ? {} : { token },
    });
    const listener = new Listener(socket);
    listeners.push(listener);
    return listener;
  }
  const newVm = () => vmRecord('kvm-a', `live-${(count += 1)}`);
  let told = 0;
  const publish = (vm: VmRecord) => agent.tell(vmUpdated, `live-event-${(told += 1)}`, vm.id, { vm });
  const measure = (vm: VmRecord, cpuPercent: number): Metrics => ({
    vmId: vm.id,
    state: 'running',
    cpuPercent,
    disks: [],
    networks: [],
    observedAt: new Date().toISOString(),
  });
  const types = (listener: Listener) => listener.heard.map(({ event }) => event.type);

  it('hears what it has subscribed to, in order, each with its place in the stream', async () => {
    const listener = open(house.token);
    expect(await listener.say('subscribe', { topics: ['vms'] })).toEqual({ cursor: expect.stringMatching(/^\d+$/) });
    const record = newVm();
    for (let cpus = 1; cpus <= 20; cpus++) await publish({ ...record, cpus });
    await eventually(() => expect(listener.heard).toHaveLength(20));
    expect(listener.heard.map(({ event }) => (event.data as { vm: { cpus: number } }).vm.cpus)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    const cursors = listener.heard.map(({ cursor }) => Number(cursor));
    expect(cursors).toEqual([...cursors].sort((a, b) => a - b));
  });

  it('resumes behind the cursor that it names, and misses nothing', async () => {
    const first = open(house.token);
    await first.say('subscribe', { topics: ['vms'] });
    const record = newVm();
    await publish({ ...record, cpus: 1 });
    await eventually(() => expect(first.heard).toHaveLength(1));
    first.socket.disconnect();
    for (const cpus of [2, 3]) await publish({ ...record, cpus });
    const second = open(house.token);
    await second.say('subscribe', { topics: ['vms'], since: first.heard[0]!.cursor });
    await eventually(() => expect(second.heard).toHaveLength(2));
  });

  it('hears of one VM alone, until it no longer wants to', async () => {
    const [one, other] = [newVm(), newVm()];
    const listener = open(house.token);
    const topics = [`vm:${one.id}`];
    await listener.say('subscribe', { topics });
    await publish(other);
    await publish(one);
    await eventually(() => expect(listener.heard.map(({ event }) => event.subject)).toEqual([one.id]));
    await listener.say('unsubscribe', { topics });
    await listener.say('subscribe', { topics: [`vm:${other.id}`] });
    await publish(one);
    await publish(other);
    await eventually(() => expect(listener.heard.map(({ event }) => event.subject)).toEqual([one.id, other.id]));
  });

  it('hears readings of the VMs that it shows', async () => {
    const [shown, hidden] = [newVm(), newVm()];
    const listener = open(house.token);
    await listener.say('subscribe', { topics: [`metrics:${shown.id}`] });
    await eventually(() => {
      agent.measure([measure(shown, 12), measure(hidden, 99)]);
      expect(listener.readings.length).toBeGreaterThan(0);
    });
    expect(new Set(listener.readings.map(({ vmId, cpuPercent }) => `${vmId} ${cpuPercent}`))).toEqual(
      new Set([`${shown.id} 12`]),
    );
  });

  it.each([
    ['a topic that is none', { topics: ['secrets'] }, 'invalid-input'],
    ['a topic of a VM that can be none', { topics: ['vm:../x'] }, 'invalid-input'],
    ['no topics', { topics: [] }, 'invalid-input'],
    ['no object', 'vms', 'invalid-input'],
    ['nothing', null, 'invalid-input'],
    ['a field too many', { topics: ['vms'], all: true }, 'invalid-input'],
    ['a cursor that is none', { topics: ['vms'], since: '-1' }, 'invalid-input'],
    ['a cursor from the future', { topics: ['vms'], since: '999999999' }, 'cursor-expired'],
    ['too many', { topics: Array.from({ length: mostTopicsEach + 1 }, (_, n) => `vm:kvm-a~${n}`) }, 'invalid-input'],
  ])('answers a subscription to %s with a problem', async (_what, message, code) => {
    const listener = open(house.token);
    expect((await listener.say('subscribe', message)).error).toMatchObject({ code });
    expect(await listener.say('subscribe', { topics: ['vms'] })).toHaveProperty('cursor');
  });

  it('is refused without a good token, with the problem', async () => {
    for (const token of [undefined, 'nonsense', `${house.token}x`]) {
      const listener = open(token);
      await eventually(() => expect(listener.refused).toMatchObject({ code: 'unauthenticated' }));
    }
  });

  it('is not for pages of another origin', async () => {
    const foreign = open(house.token, { origin: 'https://elsewhere.example' });
    const ours = open(house.token, { origin: url });
    await eventually(() => expect(ours.socket.connected).toBe(true));
    await eventually(() => expect(foreign.failed).toBe(true));
  });

  it('checks the right to each topic, and ends with the right to one of them', async () => {
    const admin = house.token;
    const { id, token } = await house.gateway.signUp('viewer');
    const body = {
      name: 'metrics',
      scopes: ['metrics:read'],
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    };
    const { secret } = (await house.gateway.call<{ secret: string }>('POST', '/api/v1/tokens', { token, body })).body;
    const narrow = open(secret);
    expect((await narrow.say('subscribe', { topics: ['vms'] })).error).toMatchObject({ code: 'forbidden' });
    const wide = open(token);
    await wide.say('subscribe', { topics: ['events'] });
    await house.gateway.call('PATCH', `/api/v1/users/${id}`, { token: admin, body: { disabled: true } });
    await eventually(() => {
      expect(wide.closed?.reason).toBe('token-expired');
      expect(wide.socket.connected).toBe(false);
    });
  });

  it('continues with another token of its user, and with nobody else’s', async () => {
    const { username, token, refreshToken } = await house.gateway.signUp('viewer');
    const listener = open(token);
    await listener.say('subscribe', { topics: ['vms'] });
    expect((await listener.say('authenticate', { token: house.token })).error).toMatchObject({ code: 'forbidden' });
    const { accessToken } = await house.gateway.login(username);
    expect(await listener.say('authenticate', { token: accessToken })).toHaveProperty('cursor');
    await house.gateway.call('POST', '/api/v1/auth/logout', { body: { refreshToken } });
    const record = newVm();
    await publish(record);
    await eventually(() => expect(types(listener)).toContain('vm.updated'));
    expect(listener.closed).toBeUndefined();
  });

  it('leaves other WebSockets and unknown paths to others', async () => {
    const { hostname, port } = new URL(url);
    const upgrade = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), hostname, () =>
          socket.write(
            `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
              'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
          ),
        );
        socket.once('data', (data) => {
          resolve(data.toString().split('\r\n')[0]!);
          socket.destroy();
        });
        socket.once('error', reject);
      });
    expect(await upgrade('/api/v1/console?ticket=none')).toMatch(/ 404 /);
    for (const path of ['/nothing', '/api/v1/vms', '/api/v1/console/none', '/socket.iox/', '/socket.io/none'])
      expect(await upgrade(path)).toMatch(/ 404 /);
    expect(await upgrade('/socket.io/?EIO=4&transport=websocket')).toMatch(/ 101 /);
  });

  it('is told when the gateway stops, which does not wait for it', async () => {
    await house.withGateway(async (gateway) => {
      await gateway.app.listen(0, '127.0.0.1');
      const listener = open(house.token, {}, await gateway.app.getUrl());
      await listener.say('subscribe', { topics: ['vms'] });
      expect(gateway.app.get(LiveConnections).count).toBe(1);
      await gateway.stop();
      await eventually(() => expect(listener.closed).toMatchObject({ reason: 'shutting-down' }));
    });
  });
});
