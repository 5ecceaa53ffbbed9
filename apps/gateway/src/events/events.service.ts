import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type NatsServer } from '@polyvirt/bus/testing';
import { vmUpdated, type CloudEvent, type Host, type Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import { vmRecord, type FakeAgent } from '../testing/fake-agent.ts';
import type { TestGateway } from '../testing/test-gateway.ts';
import { EventFeed } from './event-feed.ts';
import { EventStreams, mostStreamsEach } from './event-streams.ts';

interface Seen {
  id: number;
  name: string;
  event: CloudEvent;
}

/** A client of server-sent events over a real socket. */
class SseClient {
  readonly seen: Seen[] = [];
  closed: { reason: string; cursor: string } | undefined;
  comments = 0;
  private readonly leaving = new AbortController();
  private over: Promise<void> = Promise.resolve();

  static async open(gateway: TestGateway, token: string, query = '', headers: Record<string, string> = {}) {
    const url = `${await addressOf(gateway)}/api/v1/events${query}`;
    const client = new SseClient();
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token}`, ...headers },
      signal: client.leaving.signal,
    });
    if (response.status !== 200) return { status: response.status, problem: (await response.json()) as Problem };
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    client.over = client.read(response.body!).catch(() => undefined);
    return { status: 200, client };
  }

  get last(): string {
    return String(this.seen.at(-1)!.id);
  }

  async leave(): Promise<void> {
    this.leaving.abort();
    await this.over;
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        this.take(text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
  }

  private take(frame: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
    const data = field('data');
    if (data === undefined) this.comments++;
    else if (field('event') === 'closed') this.closed = JSON.parse(data) as { reason: string; cursor: string };
    else this.seen.push({ id: Number(field('id')), name: field('event')!, event: JSON.parse(data) as CloudEvent });
  }
}

const addresses = new WeakMap<TestGateway, Promise<string>>();
function addressOf(gateway: TestGateway): Promise<string> {
  const known = addresses.get(gateway) ?? gateway.app.listen(0, '127.0.0.1').then(() => gateway.app.getUrl());
  addresses.set(gateway, known);
  return known;
}

describe('GET /events', () => {
  let house: TestHouse<NatsServer>;
  let agent: FakeAgent;
  const clients: SseClient[] = [];

  beforeAll(async () => {
    house = await TestHouse.startAlone();
    agent = await house.startAgent();
    await eventually(async () => {
      expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready');
    });
    // That the host has come is told behind that, and is no matter of any test.
    await eventually(() => expect(house.gateway.app.get(EventFeed).window.last).toBe(1));
  });
  afterAll(() => house.stop());
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.leave()));
    await nobodyListens();
  });
  const nobodyListens = () => eventually(() => expect(house.gateway.app.get(EventStreams).count).toBe(0));

  const open = async (query = '', headers: Record<string, string> = {}, gateway = house.gateway) => {
    const { client, problem } = await SseClient.open(gateway, house.token, query, headers);
    if (!client) throw new Error(JSON.stringify(problem));
    clients.push(client);
    return client;
  };
  const refused = async (query = '', headers: Record<string, string> = {}, token = house.token) => {
    const { status, problem } = await SseClient.open(house.gateway, token, query, headers);
    return { status, code: problem?.code, oldestCursor: problem?.oldestCursor };
  };
  const types = ({ seen }: SseClient) => seen.map(({ name }) => name);

  it('gives the life of a VM in order, each event when what it tells can be read', async () => {
    const client = await open();
    const { body } = await house.ask('POST', '/vms', { host: 'kvm-a', name: 'life', start: true });
    await eventually(() => expect(types(client)).toEqual(['operation.started', 'vm.created', 'operation.succeeded']));
    expect(client.seen.map(({ id }) => id)).toEqual([...client.seen.map(({ id }) => id)].sort((a, b) => a - b));
    const id = body.result!.vmId!;
    await house.call('PATCH', `/vms/${id}`, { labels: { a: 'b' } });
    await eventually(() => expect(types(client).slice(3)).toEqual(['vm.updated', 'operation.succeeded']));
    expect(client.seen[3]!.event).toMatchObject({ specversion: '1.0', subject: id, source: '/hosts/kvm-a/gateway' });
  });

  it('resumes by Last-Event-ID and by since, over restarts of the gateway and of nats-server, without loss or repeats', async () => {
    const first = await open();
    await agent.show('resume', {});
    await eventually(() => expect(first.seen).toHaveLength(1));
    await first.leave();
    const cursor = first.last;
    for (let n = 0; n < 20; n++) await agent.show('resume', { cpus: n + 1 });
    await house.nats.restart();
    await house.withGateway(async (other) => {
      for (let n = 20; n < 40; n++) await agent.show('resume', { cpus: n + 1 });
      for (const client of [
        await open('', { 'last-event-id': cursor }),
        await open(`?since=${cursor}`),
        await open(`?since=${cursor}&vm=kvm-a~resume`, {}, other),
      ]) {
        await eventually(() => expect(client.seen.length).toBeGreaterThanOrEqual(40));
        const cpus = client.seen.filter(({ name }) => name === 'vm.updated').map(({ event }) => cpusOf(event));
        expect(cpus).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
      }
      // The header goes before the parameter, as a client that reconnects sends both.
      const both = await open('?since=0', { 'last-event-id': cursor });
      await eventually(() => expect(both.seen.length).toBeGreaterThanOrEqual(40));
      expect(both.seen[0]!.id).toBeGreaterThan(Number(cursor));
      // Those at the other gateway among them.
      await Promise.all(clients.splice(0).map((client) => client.leave()));
    });
  });

  it('survives nats-server while it is open', async () => {
    const client = await open('?types=vm.updated');
    await agent.show('survivor', { cpus: 1 });
    await house.nats.restart();
    await agent.show('survivor', { cpus: 2 });
    await eventually(() => expect(client.seen.map(({ event }) => cpusOf(event))).toEqual([1, 2]));
    expect(client.closed).toBeUndefined();
  });

  it('filters', async () => {
    const starts = await open('?types=vm.started,operation.*&vm=kvm-a~filter');
    const elsewhere = await open('?hosts=kvm-z');
    await agent.show('filter');
    await agent.show('not-this-one', { state: 'running' });
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-a~filter')).status).toBe(200));
    await house.ask('POST', '/vms/kvm-a~filter/start');
    await eventually(() => expect(types(starts)).toEqual(['operation.started', 'vm.started', 'operation.succeeded']));
    expect(elsewhere.seen).toEqual([]);
  });

  it('answers cursor-expired with the oldest cursor for one that is gone or never was', async () => {
    const admin = await house.connect('admin');
    const stream = async () => (await admin.manager.streams.info('POLYVIRT_EVENTS')).state;
    const oldest = async () => String(Math.max((await stream()).first_seq, 1) - 1);
    const never = { status: 410, code: 'cursor-expired', oldestCursor: await oldest() };
    expect(await refused('?since=999999')).toEqual(never);
    const before = (await stream()).last_seq;
    for (let cpus = 1; cpus <= 4; cpus += 1) await agent.show('expiring', { cpus });
    // The first gateway has them in memory by then, and one that starts after the purge never.
    await eventually(async () => expect((await house.vm('kvm-a~expiring')).cpus).toBe(4));
    const memory = await open(`?since=${before}`);
    await eventually(() => expect(memory.seen.map(({ event }) => cpusOf(event))).toEqual([1, 2, 3, 4]));
    await admin.manager.streams.purge('POLYVIRT_EVENTS', { seq: before + 3 });
    expect(await oldest()).toBe(String(before + 2));
    await house.withGateway(async (other) => {
      await eventually(() => expect(other.app.get(EventFeed).window.last).toBeGreaterThanOrEqual(before + 4));
      expect((await open(`?since=${before}`)).closed).toBeUndefined();
      const { status, problem } = await SseClient.open(other, house.token, `?since=${before}`);
      expect([status, problem?.code, problem?.oldestCursor]).toEqual([410, 'cursor-expired', `${before + 2}`]);
      const client = await open(`?since=${before + 2}`, {}, other);
      await eventually(() => expect(client.seen[0]?.id).toBe(before + 3));
      await client.leave();
    });
  });

  it.each([
    ['?since=x', {}],
    ['?types=vm.exploded', {}],
    ['', { 'last-event-id': 'yesterday' }],
  ])('refuses %s %j', async (query, headers) => {
    expect(await refused(query, headers as Record<string, string>)).toMatchObject({
      status: 400,
      code: 'invalid-input',
    });
  });

  it('needs a token, ends when it is revoked, and lets nobody open too many', async () => {
    expect((await refused('', {}, 'nonsense')).status).toBe(401);
    const { accessToken, refreshToken } = await house.gateway.login();
    const { client } = await SseClient.open(house.gateway, accessToken);
    clients.push(client!);
    await house.gateway.call('POST', '/api/v1/auth/logout', { body: { refreshToken } });
    await eventually(() => expect(client!.closed?.reason).toBe('token-expired'));
    await client!.leave();
    await nobodyListens();
    for (let n = 0; n < mostStreamsEach; n++) await open();
    expect(await refused()).toMatchObject({ status: 429, code: 'too-many-requests' });
  });

  it('cuts a client that reads nothing, and the gateway lives on', () =>
    house.withGateway(async (gateway) => {
      const { port } = new URL(await addressOf(gateway));
      const streams = gateway.app.get(EventStreams);
      streams.pace = { stallMs: 50, farewellMs: 50 };
      const socket = connect(Number(port), '127.0.0.1');
      socket.pause();
      socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${house.token}\r\n\r\n`);
      // However much the sockets of both sides hold, sooner or later nothing more goes in.
      const long = { ...vmRecord('kvm-a', 'long'), name: 'x'.repeat(500_000) };
      try {
        await eventually(() => expect(streams.count).toBe(1));
        const closed = once(socket, 'close');
        let told = 0;
        await eventually(async () => {
          await agent.tell(vmUpdated, `long-${(told += 1)}`, long.id, { vm: long });
          expect(streams.count).toBe(0);
        });
        socket.resume();
        await closed;
        expect((await house.call('GET', '/vms', undefined, {}, gateway)).status).toBe(200);
      } finally {
        socket.destroy();
      }
    }));

  it('says good-bye when the gateway shuts down', () =>
    house.withGateway(async (other) => {
      const client = await open('', {}, other);
      await other.stop();
      await eventually(() => expect(client.closed?.reason).toBe('shutting-down'));
    }));
});

const cpusOf = ({ data }: CloudEvent) => (data as { vm: { cpus: number } }).vm.cpus;
