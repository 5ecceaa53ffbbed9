import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient, requireSuccess } from './client.ts';
import type { ApiProblem } from './problem.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += String(chunk)));
  request.on('end', () => {
    asked.push(`${request.method} ${request.url}`);
    handler(request, response, body);
  });
});
let handler: Handler;
let asked: string[];
let url: string;

const json = (response: ServerResponse, status: number, body: unknown) =>
  response
    .writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
    .end(JSON.stringify(body));
const problem = (code: string, status: number, extras = {}) => ({
  type: '',
  title: '',
  status,
  detail: `It is ${code}.`,
  code,
  retryable: status === 503,
  requestId: 'r1',
  ...extras,
});

beforeEach(async () => {
  asked = [];
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('a client', () => {
  it('throws the problem of an answer', async () => {
    handler = (_, response) => json(response, 409, problem('vm-busy', 409, { operationId: 'o1' }));
    const client = createClient({ url, token: 'pv_x' });
    const call = client.POST('/api/v1/vms/{vmId}/start', { params: { path: { vmId: 'a~b' } } });
    await expect(call).rejects.toThrow('It is vm-busy.');
    const error = (await call.catch((reason: unknown) => reason)) as ApiProblem;
    expect([error.code, error.status, error.retryable, error.problem.operationId]).toEqual([
      'vm-busy',
      409,
      false,
      'o1',
    ]);
  });

  it('confirms what needs the password once more, and sends it again with its body', async () => {
    let isConfirmed = false;
    const bodies: string[] = [];
    handler = ({ url: path }, response, body) => {
      if (path === '/api/v1/auth/login')
        return json(response, 200, { accessToken: 'a1', refreshToken: 'r1', expiresIn: 900 });
      if (path === '/api/v1/auth/confirm') {
        isConfirmed = (JSON.parse(body) as { password: string }).password === 'right';
        return isConfirmed
          ? json(response, 200, { confirmedUntil: new Date().toISOString() })
          : json(response, 400, problem('invalid-input', 400));
      }
      bodies.push(body);
      return isConfirmed
        ? json(response, 201, { id: 'u1' })
        : json(response, 403, problem('confirmation-required', 403));
    };
    const create = (options: { password?: string; confirm?: () => Promise<boolean> }) =>
      createClient({ url, username: 'ada', password: 'right', ...options }).POST('/api/v1/users', {
        body: { username: 'bob', password: 'correct horse battery', role: 'viewer' },
      });
    await expect(create({ confirm: async () => false })).rejects.toMatchObject({ code: 'confirmation-required' });
    await expect(create({ password: 'wrong' })).rejects.toMatchObject({ code: 'invalid-input' });
    expect(bodies).toHaveLength(2);
    expect((await create({})).data).toEqual({ id: 'u1' });
    expect(bodies).toHaveLength(4);
    expect(new Set(bodies).size).toBe(1);
  });

  it('makes a problem of what a proxy says', async () => {
    handler = (_, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>');
    await expect(createClient({ url, token: 'pv_x' }).GET('/api/v1/hosts')).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
  });

  it('reads a list to its end', async () => {
    handler = ({ url: path }, response) => {
      const cursor = new URL(path!, url).searchParams.get('cursor');
      const items = cursor === null ? [{ id: '1' }, { id: '2' }] : [{ id: '3' }];
      json(response, 200, { items, ...(cursor === null && { nextCursor: 'a b' }) });
    };
    const ids = [];
    const vms = createClient({ url, token: 'pv_x' }).items('/api/v1/vms', { query: { state: 'running' } });
    for await (const { id } of vms) ids.push(id);
    expect(ids).toEqual(['1', '2', '3']);
    expect(asked).toEqual(['GET /api/v1/vms?state=running', 'GET /api/v1/vms?state=running&cursor=a%20b']);
  });

  it('waits until an operation has ended', async () => {
    const statuses = ['pending', 'running', 'failed'];
    handler = (_, response) => {
      const status = statuses.shift();
      json(response, 200, { id: 'o1', status, ...(status === 'failed' && { error: problem('timed-out', 504) }) });
    };
    const operation = await createClient({ url, token: 'pv_x' }).waitForOperation('o1');
    expect(operation.status).toBe('failed');
    expect(() => requireSuccess(operation)).toThrow('It is timed-out.');
  });
});

describe('a session', () => {
  let good: string;
  let issued: number;
  const pair = () => {
    issued += 1;
    good = `access-${issued}`;
    return { accessToken: good, refreshToken: `refresh-${issued}`, expiresIn: 900 };
  };

  beforeEach(() => {
    issued = 0;
    handler = (request, response, body) => {
      if (request.url === '/api/v1/auth/login') json(response, 200, pair());
      else if (request.url === '/api/v1/auth/refresh') {
        const { refreshToken } = JSON.parse(body) as { refreshToken: string };
        if (refreshToken === `refresh-${issued}`) json(response, 200, pair());
        else json(response, 401, problem('unauthenticated', 401));
      } else if (request.headers.authorization === `Bearer ${good}`) json(response, 200, { items: [], echo: body });
      else json(response, 401, problem('unauthenticated', 401));
    };
  });

  it('begins at the first request and is renewed once for all requests that are refused', async () => {
    const told: unknown[] = [];
    const client = createClient({ url, username: 'ada', password: 'secret', onSession: (tokens) => told.push(tokens) });
    await client.GET('/api/v1/hosts');
    good = 'none';
    const body = { name: 'n', scopes: [], expiresAt: '' };
    const answers = await Promise.all([
      client.GET('/api/v1/hosts'),
      client.POST('/api/v1/tokens', { body }),
      client.GET('/api/v1/vms'),
    ]);
    expect(answers[1].data).toMatchObject({ echo: JSON.stringify(body) });
    expect(asked.filter((line) => line.includes('auth'))).toEqual([
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/refresh',
    ]);
    expect(told).toEqual([
      { accessToken: 'access-1', refreshToken: 'refresh-1' },
      { accessToken: 'access-2', refreshToken: 'refresh-2' },
    ]);
  });

  it('begins anew when it has ended, as long as the password is known', async () => {
    const client = createClient({ url, username: 'ada', password: 'secret', session: dead });
    await client.GET('/api/v1/hosts');
    expect(asked).toEqual([
      'GET /api/v1/hosts',
      'POST /api/v1/auth/refresh',
      'POST /api/v1/auth/login',
      'GET /api/v1/hosts',
    ]);
  });

  it('tells that it has ended', async () => {
    const told: unknown[] = [];
    const client = createClient({ url, session: dead, onSession: (tokens) => told.push(tokens) });
    await expect(client.GET('/api/v1/hosts')).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(told).toEqual([undefined]);
  });

  it('may be kept in a cookie, which is renewed while no other tab does', async () => {
    let locked = 0;
    const bodies: string[] = [];
    handler = (request, response, body) => {
      if (request.url?.startsWith('/api/v1/auth/')) bodies.push(body);
      if (request.url === '/api/v1/auth/logout') response.writeHead(204).end();
      else if (request.url === '/api/v1/auth/refresh' && !locked) json(response, 500, problem('internal', 500));
      else if (request.url?.startsWith('/api/v1/auth/')) json(response, 200, { accessToken: 'access', expiresIn: 900 });
      else json(response, 200, { items: [] });
    };
    const client = createClient({
      url,
      cookie: async (renew) => {
        locked += 1;
        try {
          return await renew();
        } finally {
          locked -= 1;
        }
      },
    });
    expect(await client.accessToken()).toBeUndefined();
    expect(await client.restore()).toBe(true);
    expect(await client.accessToken()).toBe('access');
    await client.logOut();
    await client.logIn({ username: 'ada', password: 'secret' });
    expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([
      {},
      {},
      { username: 'ada', password: 'secret', session: 'cookie' },
    ]);
  });

  const dead = { accessToken: 'old', refreshToken: 'old' };
});

describe('an event stream', () => {
  const event = (id: number) => `id: ${id}\nevent: vm.created\ndata: {"type":"vm.created","id":"e${id}"}\n\n`;

  it('goes on behind the last event when its connection is lost', async () => {
    const connections: (string | undefined)[] = [];
    handler = (request, response) => {
      connections.push(request.headers['last-event-id'] as string | undefined);
      if (connections.length === 2) {
        json(response, 503, problem('unavailable', 503));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (connections.length === 1) {
        response.write(`: connected behind 4\n\n${event(5)}${event(6)}`, () => response.destroy());
      } else response.write(`: connected behind 6\n\n${event(7)}`);
    };
    const seen: string[] = [];
    const stop = new AbortController();
    const stream = createClient({ url, token: 'pv_x' }).events({ types: ['vm.*'], signal: stop.signal });
    for await (const { cursor } of stream) {
      seen.push(cursor);
      if (seen.length === 3) stop.abort();
    }
    expect(seen).toEqual(['5', '6', '7']);
    expect(connections).toEqual([undefined, '6', '6']);
    expect(asked[0]).toBe('GET /api/v1/events?types=vm.*');
  });

  it('goes on where it began when it is lost before the first event', async () => {
    const connections: (string | undefined)[] = [];
    handler = (request, response) => {
      connections.push(request.headers['last-event-id'] as string | undefined);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (connections.length === 1) response.end(': connected behind 4\n\n');
      else response.write(`: connected behind 4\n\n${event(5)}`);
    };
    for await (const { cursor } of createClient({ url, token: 'pv_x' }).events()) {
      expect(cursor).toBe('5');
      break;
    }
    expect(connections).toEqual([undefined, '4']);
  });

  it('ends at once when it is told to, and lets its connection go', async () => {
    const closed = Promise.withResolvers<void>();
    handler = (request, response) => {
      request.once('close', () => closed.resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`: connected behind 4\n\n${event(5)}`);
    };
    const stop = new AbortController();
    const stream = createClient({ url, token: 'pv_x' }).events({ signal: stop.signal });
    await stream.next();
    const end = stream.next();
    collectGarbage();
    stop.abort();
    expect(await end).toEqual({ done: true, value: undefined });
    await closed.promise;
  });

  it('throws when the events behind its cursor are gone', async () => {
    handler = (_, response) => json(response, 410, problem('cursor-expired', 410, { oldestCursor: '90' }));
    const stream = createClient({ url, token: 'pv_x' }).events({ since: '3' });
    await expect(stream.next()).rejects.toMatchObject({ code: 'cursor-expired', problem: { oldestCursor: '90' } });
  });
});
