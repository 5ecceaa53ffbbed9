import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { AuditRecord, ConsoleTicket, CreatedToken, Host, Page, Problem } from '@polyvirt/contracts';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { EventFeed } from '../events/event-feed.ts';
import { mostStreamsEach } from '../events/event-streams.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { problemIn, type CallOptions } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

/** Code of the problem that a credential is answered with, or that it was let in. */
type Try = (credential: string) => Promise<string>;

const addressOf = async (house: TestHouse): Promise<string> => {
  await house.gateway.app.listen(0, '127.0.0.1');
  await eventually(() => expect(house.gateway.app.get(EventFeed).window.last).toBeGreaterThan(0));
  return house.gateway.app.getUrl();
};

const codeOf = async (house: TestHouse, url: string, options: CallOptions = {}): Promise<string> => {
  const answer = await house.gateway.call('GET', url, options);
  return answer.status === 200 ? 'let in' : problemIn(answer).code;
};

/** Asks for a WebSocket; what comes back instead of one. */
async function upgrade(url: string): Promise<string> {
  const socket = new WebSocket(url);
  const opened = once(socket, 'open').then(() => 'let in');
  const refused = once(socket, 'unexpected-response').then(async ([, response]) => {
    let text = '';
    for await (const chunk of response as NodeJS.ReadableStream) text += String(chunk);
    return (JSON.parse(text) as Problem).code;
  });
  try {
    return await Promise.race([opened, refused]);
  } finally {
    socket.on('error', () => undefined).terminate();
  }
}

const live = (url: string, token: string) =>
  io(url, { transports: ['websocket'], reconnection: false, forceNew: true, auth: { token } });

/** Shows a token as the connection is opened. */
async function connectLive(url: string, token: string): Promise<string> {
  const socket = live(url, token);
  try {
    return await new Promise<string>((resolve) => {
      socket.on('connect', () => resolve('let in'));
      socket.on('connect_error', (error: Error & { data?: Problem }) => resolve(error.data?.code ?? error.message));
    });
  } finally {
    socket.disconnect();
  }
}

/** Shows another token once it is open. */
async function renewLive(url: string, good: string, token: string): Promise<string> {
  const socket = live(url, good);
  try {
    await once(socket as never, 'connect');
    const { error } = (await socket.timeout(30_000).emitWithAck('authenticate', { token })) as { error?: Problem };
    return error?.code ?? 'let in';
  } finally {
    socket.disconnect();
  }
}

/** Every way in by a token, and by a ticket that stands for one. */
function doorsOf(house: TestHouse, url: string) {
  const ws = url.replace('http', 'ws');
  const byToken: Record<string, Try> = {
    'a route': (token) => codeOf(house, '/api/v1/vms', { token }),
    'the metrics': (token) => codeOf(house, '/metrics', { token }),
    'a live connection': (token) => connectLive(url, token),
    'a live connection that is open': (token) => renewLive(url, house.token, token),
  };
  const byTicket: Record<string, Try> = {
    'the stream of events': (ticket) => codeOf(house, `/api/v1/events?ticket=${ticket}`),
    'the screen of a VM': (ticket) => upgrade(`${ws}/api/v1/console?ticket=${ticket}`),
  };
  return { byToken, byTicket };
}
const closedDoors = ['a route', 'the metrics', 'a live connection'] as const;
const tokenDoors = [...closedDoors, 'a live connection that is open'] as const;
const ticketDoors = ['the stream of events', 'the screen of a VM'] as const;

const makeToken = async (house: TestHouse, name: string, scopes: readonly string[]) => {
  const body = { name, scopes, expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
  return (await house.call<CreatedToken>('POST', '/tokens', body)).body;
};
const auditOf = async (house: TestHouse, query: string) =>
  (await house.call<Page<AuditRecord>>('GET', `/audit?limit=200&${query}`)).body.items;

describe('somebody who tries credentials', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let doors: ReturnType<typeof doorsOf>;
  beforeAll(async () => {
    house = await TestHouse.start({ environment: { POLYVIRT_METRICS_ACCESS: 'token' } });
    agent = await house.startAgent();
    doors = doorsOf(house, await addressOf(house));
  });
  afterAll(() => house.stop());

  it.each([...tokenDoors, ...ticketDoors])('at %s leaves a trace', async (door) => {
    const action = door in doors.byToken ? 'auth.token' : 'auth.ticket';
    const traces = async () => (await auditOf(house, `action=${action}&outcome=refused`)).length;
    const before = await traces();
    const code = await { ...doors.byToken, ...doors.byTicket }[door]!('pv_made-up');
    expect(['unauthenticated', 'console-not-found']).toContain(code);
    expect(await traces()).toBe(before + 1);
    const [last] = await auditOf(house, `action=${action}&outcome=refused`);
    expect(last).toMatchObject({ actor: '-', code, address: '127.0.0.1' });
  });

  it.each(tokenDoors)('and has one that is good leaves another at %s', async (door) => {
    const { secret } = await makeToken(house, door, ['vm:read', 'metrics:read']);
    // Another user's token does not take over a connection, and was shown all the same.
    expect(['let in', 'forbidden']).toContain(await doors.byToken[door]!(secret));
    expect(await auditOf(house, `action=token.use&target=${encodeURIComponent(door)}`)).toEqual([
      expect.objectContaining({ actor: `admin/${door}`, address: '127.0.0.1' }),
    ]);
  });

  it('leaves one where a screen is refused to who had a good ticket', async () => {
    await agent.show('screen', { state: 'running' });
    await eventually(async () => expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready'));
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-a~screen')).status).toBe(200));
    const { id, username, token } = await house.gateway.signUp('operator');
    const ticket = await house.gateway.call<ConsoleTicket>('POST', '/api/v1/vms/kvm-a~screen/console', { token });
    await house.call('PATCH', `/users/${id}`, { role: 'viewer' });
    expect(await doors.byTicket['the screen of a VM']!(ticket.body.url.split('=')[1]!)).toBe('forbidden');
    expect(await auditOf(house, `action=console.open&actor=${username}`)).toEqual([
      expect.objectContaining({ outcome: 'refused', code: 'forbidden', target: 'kvm-a~screen' }),
    ]);
  });
});

describe('somebody who tries many', () => {
  let house: TestHouse;
  let url: string;
  beforeAll(async () => {
    house = await TestHouse.start({
      environment: { POLYVIRT_METRICS_ACCESS: 'token', POLYVIRT_RATE_LIMIT: '2' },
    });
    await house.startAgent();
    url = await addressOf(house);
  });
  afterAll(() => house.stop());

  // Who shows tokens on a connection that is open is somebody already, and counted as that.
  it.each([...closedDoors, ...ticketDoors])('is counted at %s', async (door) => {
    const { byToken, byTicket } = doorsOf(house, url);
    const attempt = { ...byToken, ...byTicket }[door]!;
    let last = '';
    for (let count = 0; last !== 'too-many-requests'; count++) last = await attempt(`pv_made-up-${count}`);
  });
});

describe('somebody with a token of somebody else', () => {
  let house: TestHouse;
  let url: string;
  beforeAll(async () => {
    house = await TestHouse.start({ environment: { POLYVIRT_RATE_LIMIT: '4' } });
    await house.startAgent();
    url = await addressOf(house);
  });
  afterAll(() => house.stop());

  it('uses up nothing of what its owner has', async () => {
    const { secret } = await makeToken(house, 'runs wild', ['vm:read', 'event:read']);
    const listen = (token: string) =>
      fetch(`${url}/api/v1/events`, { headers: { authorization: `Bearer ${token}` }, signal: end.signal });
    const end = new AbortController();
    try {
      for (let count = 0; count < mostStreamsEach; count++) expect((await listen(secret)).status).toBe(200);
      expect((await listen(secret)).status).toBe(429);
      expect((await listen(house.token)).status).toBe(200);
      const ask = async (token: string) => (await house.gateway.call('GET', '/api/v1/vms', { token })).status;
      while ((await ask(secret)) !== 429);
      expect(await ask(house.token)).toBe(200);
    } finally {
      end.abort();
    }
  });
});
