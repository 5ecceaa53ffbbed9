import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';

const mebibyte = 1024 * 1024;
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** Everything but reads, as the API's own document lists it. */
const changes = (document: { paths: Record<string, Record<string, { security?: object[] }>> }) =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== 'get')
      .map(([method, { security = [] }]) => ({
        method: method.toUpperCase(),
        url: path.replaceAll(/\{\w+\}/g, '5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90'),
        isPublic: security.length === 0,
      })),
  );

describe('somebody without a credential', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  /** The head of a request and so many bytes of the body that it promises; what comes back before it has sent the rest. */
  async function begin(method: string, url: string, sent: string, promised = mebibyte): Promise<string> {
    if (!gateway.app.getHttpServer().listening) await gateway.app.listen(0, '127.0.0.1');
    const { port } = gateway.app.getHttpServer().address() as { port: number };
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    const head = `${method} ${url} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${promised}\r\n\r\n`;
    socket.write(head + sent);
    try {
      for await (const text of socket) return (text as string).slice(0, (text as string).indexOf('\r\n'));
      return 'closed';
    } finally {
      socket.destroy();
    }
  }

  it('is answered 401 by every change before a byte of the body is sent, and 413 where anybody may send one', async () => {
    const document = (await gateway.call<Parameters<typeof changes>[0]>('GET', '/api/v1/openapi.json')).body;
    const routes = changes(document);
    expect(routes.length).toBeGreaterThan(10);
    for (const { method, url, isPublic } of routes)
      expect([method, url, await begin(method, url, '')]).toEqual([
        method,
        url,
        isPublic ? 'HTTP/1.1 413 Payload Too Large' : 'HTTP/1.1 401 Unauthorized',
      ]);
    // Whatever has a body, where there is a route and where there is none.
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND'])
      for (const url of ['/api/v1/nowhere', '/nowhere'])
        expect([method, url, await begin(method, url, '')]).toEqual([method, url, 'HTTP/1.1 404 Not Found']);
    for (const method of ['OPTIONS', 'QUERY'])
      for (const url of ['/api/v1/users', '/assets/nothing.js'])
        expect([method, url, await begin(method, url, '')]).toEqual([method, url, 'HTTP/1.1 405 Method Not Allowed']);
  });

  it('is counted before the body is looked at', async () => {
    const own = await startTestGateway({ environment: { POLYVIRT_RATE_LIMIT: '1' } });
    try {
      const ask = () => own.call('POST', '/api/v1/users', { raw: nested(500_000) });
      const answers = [];
      for (let count = 0; count < 15; count++) answers.push((await ask()).status);
      expect(answers).toEqual([...Array<number>(10).fill(401), ...Array<number>(5).fill(429)]);
      // By whatever way, as it is the same nobody.
      for (const [method, url] of [
        ['POST', '/nowhere'],
        ['OPTIONS', '/api/v1/users'],
        ['GET', '/nowhere'],
        ['GET', '/api/v1/users'],
        ['GET', '/healthz'],
        ['POST', '/api/v1/auth/login'],
      ] as const)
        expect([method, url, (await own.call(method, url)).status]).toEqual([method, url, 429]);
    } finally {
      await own.stop();
    }
  });

  it.each(['/api/v1/auth/login', '/api/v1/auth/refresh', '/api/v1/auth/logout'])(
    'is given no more than a few KiB by %s, and no long answer',
    async (url) => {
      for (const [raw, status] of [
        [nested(8_000), 400],
        [nested(500_000), 413],
        [`{${'"a":{'.repeat(2_000)}${'}'.repeat(2_001)}`, 400],
        [`"${'a'.repeat(16 * 1_024)}"`, 413],
      ] as const) {
        const answer = await gateway.call('POST', url, { raw });
        expect(answer.status).toBe(status);
        expect(answer.text.length).toBeLessThan(2_000);
        // Not what it nests is at fault, but that it does: it was not made into objects to be told so.
        if (status === 400) expect(problemIn(answer).detail).toContain('deeper than 32 levels');
      }
    },
  );

  it('gets a bound on depth and on the answer even when it is somebody', async () => {
    const { accessToken: token } = await gateway.login();
    const key = 'k'.repeat(100_000);
    const deep = await gateway.call('POST', '/api/v1/users', {
      token,
      raw: nested(500_000),
      headers: { 'idempotency-key': 'deep' },
    });
    expect(problemIn(deep)).toMatchObject({ code: 'invalid-input', detail: expect.stringContaining('32 levels') });
    for (const raw of [
      `{"${key}":1}`,
      JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`${key.slice(0, 150)}${n}`, n]))),
    ]) {
      const answer = await gateway.call('POST', '/api/v1/users', { token, raw });
      expect(answer.status).toBe(400);
      expect(answer.text.length).toBeLessThan(40_000);
    }
  });

  it('sends no request that names two hosts', async () => {
    if (!gateway.app.getHttpServer().listening) await gateway.app.listen(0, '127.0.0.1');
    const { port } = gateway.app.getHttpServer().address() as { port: number };
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    for await (const text of socket) {
      expect(text).toMatch(/^HTTP\/1\.1 400 /);
      break;
    }
    socket.destroy();
  });
});
