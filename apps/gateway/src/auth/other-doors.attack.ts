import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import {
  uploadTicketHeader,
  type AuditRecord,
  type ConsoleTicket,
  type CreatedToken,
  type Host,
  type Page,
  type Problem,
} from '@polyvirt/contracts';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { EventFeed } from '../events/event-feed.ts';
import { mostStreamsEach } from '../events/event-streams.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { problemIn, type CallOptions } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

/** Code of the problem that a credential is answered with, or that it was let in. A proxy says from where it is shown. */
type Try = (credential: string, from?: string) => Promise<string>;

const forwarded = (from: string | undefined): Record<string, string> =>
  from === undefined ? {} : { 'x-forwarded-for': from };

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
async function upgrade(url: string, from: string | undefined): Promise<string> {
  const socket = new WebSocket(url, { headers: forwarded(from) });
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

const live = (url: string, token: string, from: string | undefined) =>
  io(url, {
    ...{ transports: ['websocket'], reconnection: false, forceNew: true },
    extraHeaders: forwarded(from),
    auth: { token },
  });

/** Shows a token as the connection is opened. */
async function connectLive(url: string, token: string, from: string | undefined): Promise<string> {
  const socket = live(url, token, from);
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
async function renewLive(url: string, good: string, token: string, from: string | undefined): Promise<string> {
  const socket = live(url, good, from);
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
    'a route': (token, from) => codeOf(house, '/api/v1/vms', { token, headers: forwarded(from) }),
    'the metrics': (token, from) => codeOf(house, '/metrics', { token, headers: forwarded(from) }),
    'a live connection': (token, from) => connectLive(url, token, from),
    'a live connection that is open': (token, from) => renewLive(url, house.token, token, from),
  };
  const byTicket: Record<string, Try> = {
    'the stream of events': (ticket, from) =>
      codeOf(house, `/api/v1/events?ticket=${ticket}`, { headers: forwarded(from) }),
    'the screen of a VM': (ticket, from) => upgrade(`${ws}/api/v1/console?ticket=${ticket}`, from),
    'the content of an upload': (ticket, from) =>
      codeOf(house, `/api/v1/uploads/${upload}/content`, {
        headers: { [uploadTicketHeader]: ticket, ...forwarded(from) },
      }),
  };
  return { byToken, byTicket };
}
const closedDoors = ['a route', 'the metrics', 'a live connection'] as const;
const tokenDoors = [...closedDoors, 'a live connection that is open'] as const;
const ticketDoors = ['the stream of events', 'the screen of a VM', 'the content of an upload'] as const;
const upload = 'A'.repeat(24);

const makeToken = async (house: TestHouse, name: string, scopes: readonly string[]) => {
  const body = { name, scopes, expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
  return (await house.call<CreatedToken>('POST', '/tokens', body)).body;
};
const auditOf = async (house: TestHouse, query: string) =>
  (await house.call<Page<AuditRecord>>('GET', `/audit?limit=200&${query}`)).body.items;

/** As a proxy of ours tells it. */
const from = '203.0.113.9';

describe('somebody who tries credentials', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let doors: ReturnType<typeof doorsOf>;
  beforeAll(async () => {
    house = await TestHouse.start({
      environment: { POLYVIRT_METRICS_ACCESS: 'token', POLYVIRT_TRUST_PROXY: '127.0.0.1' },
    });
    agent = await house.startAgent();
    doors = doorsOf(house, await addressOf(house));
  });
  afterAll(() => house.stop());

  it.each([...tokenDoors, ...ticketDoors])('at %s leaves a trace', async (door) => {
    const action = door in doors.byToken ? 'auth.token' : 'auth.ticket';
    const traces = async () => (await auditOf(house, `action=${action}&outcome=refused`)).length;
    const before = await traces();
    const code = await { ...doors.byToken, ...doors.byTicket }[door]!('pv_made-up', from);
    expect(['unauthenticated', 'console-not-found', 'upload-not-found']).toContain(code);
    expect(await traces()).toBe(before + 1);
    const [last] = await auditOf(house, `action=${action}&outcome=refused`);
    expect(last).toMatchObject({ actor: '-', code, address: from });
  });

  it.each(tokenDoors)('and has one that is good leaves another at %s', async (door) => {
    const { secret } = await makeToken(house, door, ['vm:read', 'metrics:read']);
    // Another user's token does not take over a connection, and was shown all the same.
    expect(['let in', 'forbidden']).toContain(await doors.byToken[door]!(secret, from));
    expect(await auditOf(house, `action=token.use&target=${encodeURIComponent(door)}`)).toEqual([
      expect.objectContaining({ actor: `admin/${door}`, address: from }),
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

/** A credential that is not good, for each route that anybody may ask; undefined where a request has none. */
const shownToAnybody: Readonly<Record<string, CallOptions | undefined>> = {
  'GET /health': undefined,
  'GET /healthz': undefined,
  'GET /readyz': undefined,
  'OPTIONS /api/v1/uploads': undefined,
  // Who is out already is answered that they are.
  'POST /api/v1/auth/logout': undefined,
  'GET /metrics': { token: 'pv_made-up' },
  'GET /api/v1/uploads/{uploadId}/content': { headers: { [uploadTicketHeader]: 'made-up' } },
  'POST /api/v1/auth/login': { body: { username: 'admin', password: 'made-up' } },
  'POST /api/v1/auth/refresh': { body: { refreshToken: 'made-up' } },
  'POST /api/v1/auth/links/use': { body: { link: 'made-up', password: 'twelve green bottles' } },
  'POST /api/v1/hosts/join': {
    body: {
      ...{ token: `pvj_${'0'.repeat(32)}.${'x'.repeat(43)}`, publicKey: `U${'A'.repeat(55)}` },
      ...{ proof: 'x'.repeat(86), agentVersion: '1' },
    },
  },
};

describe('whatever anybody may ask', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = await TestHouse.start({
      environment: { POLYVIRT_METRICS_ACCESS: 'token', POLYVIRT_TRUST_PROXY: '127.0.0.1' },
    });
  });
  afterAll(() => house.stop());

  it('is known to this test', async () => {
    type Paths = Record<string, Record<string, { security?: object[] }>>;
    const { paths } = (await house.call<{ paths: Paths }>('GET', '/openapi.json')).body;
    const open = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security = [] }]) => security.length === 0)
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    expect(open.toSorted()).toEqual(Object.keys(shownToAnybody).toSorted());
  });

  it.each(Object.entries(shownToAnybody).filter(([, shown]) => shown !== undefined))(
    'leaves a trace of a bad credential: %s',
    async (route, shown) => {
      const [method, path] = route.split(' ') as [string, string];
      const traces = () => auditOf(house, 'outcome=refused');
      const before = (await traces()).length;
      const headers = { ...shown!.headers, ...forwarded(from) };
      const { code } = problemIn(
        await house.gateway.call(method, path.replace('{uploadId}', upload), { ...shown, headers }),
      );
      expect(['unauthenticated', 'upload-not-found']).toContain(code);
      const after = await traces();
      expect(after).toHaveLength(before + 1);
      expect(after[0]).toMatchObject({ actor: '-', code, address: from });
    },
  );
});

/** Many at once: what is counted is a rate, and a slow machine would stay below it with one after the other. */
async function untilRefused(attempt: (n: number) => Promise<string>): Promise<void> {
  for (let done = 0; ; done += 40) {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => attempt(done + n)));
    if (answers.includes('too-many-requests')) return;
  }
}

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
  it.each([...closedDoors, ...ticketDoors])('is counted at %s, whatever address they say they have', async (door) => {
    const { byToken, byTicket } = doorsOf(house, url);
    const attempt = { ...byToken, ...byTicket }[door]!;
    await untilRefused((n) => attempt(`pv_made-up-${n}`, `198.18.${n >> 8}.${n & 255}`));
  });

  it('leaves others what is theirs who come through the same proxy, at every door', async () => {
    const behind = await TestHouse.start({
      environment: { POLYVIRT_METRICS_ACCESS: 'token', POLYVIRT_RATE_LIMIT: '2', POLYVIRT_TRUST_PROXY: '127.0.0.1' },
    });
    try {
      await behind.startAgent();
      const { byToken, byTicket } = doorsOf(behind, await addressOf(behind));
      for (const [n, door] of [...closedDoors, ...ticketDoors].entries()) {
        const attempt = { ...byToken, ...byTicket }[door]!;
        await untilRefused(() => attempt('pv_made-up', `192.0.2.${n}`));
        expect([door, await attempt('pv_made-up', `198.51.100.${n}`)]).toEqual([
          door,
          expect.not.stringMatching('too-many-requests'),
        ]);
      }
    } finally {
      await behind.stop();
    }
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
