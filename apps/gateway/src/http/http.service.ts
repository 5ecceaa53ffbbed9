import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problems, type ProblemCode } from '@polyvirt/contracts';
import { problemIn, startTestGateway, type CallOptions, type TestGateway } from '../testing/test-gateway.ts';

describe('HTTP', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  const login = '/api/v1/auth/login';
  const refusals: [string, string, string, CallOptions, ProblemCode, string?][] = [
    ['a path that is not there', 'GET', '/api/v1/nothing', {}, 'route-not-found'],
    ['a path outside the API', 'GET', '/nothing', {}, 'route-not-found'],
    ['a path with dots', 'GET', '/api/v1/../../etc/passwd', {}, 'route-not-found'],
    ['a path with encoded dots', 'GET', '/docs/assets/%2e%2e%2f%2e%2e%2fpackage.json', {}, 'route-not-found'],
    ['a file of the docs that is not served', 'GET', '/docs/assets/index.html', {}, 'route-not-found'],
    ['an address that does not decode', 'GET', '/api/v1/%zz', {}, 'invalid-input'],
    ['a path with half a character', 'GET', '/api/v1/users/%c3', {}, 'invalid-input'],
    ['a wrong method', 'GET', login, {}, 'method-not-allowed'],
    ['a method for a path with a parameter', 'PUT', '/api/v1/users/x', {}, 'method-not-allowed'],
    ['no token', 'GET', '/api/v1/users', {}, 'unauthenticated'],
    [
      'a scheme that is not Bearer',
      'GET',
      '/api/v1/users',
      { headers: { authorization: 'Basic eA==' } },
      'unauthenticated',
    ],
    ['a token that is none', 'GET', '/api/v1/users', { token: 'x' }, 'unauthenticated'],
    ['an API token that is none', 'GET', '/api/v1/users', { token: 'pv_x' }, 'unauthenticated'],
    ['text for JSON', 'POST', login, { raw: 'x', headers: { 'content-type': 'text/plain' } }, 'unsupported-media-type'],
    [
      'a form',
      'POST',
      login,
      { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      'unsupported-media-type',
    ],
    ['no content type', 'POST', login, { raw: '{}', headers: { 'content-type': '' } }, 'unsupported-media-type'],
    ['a body of 2 MiB', 'POST', login, { raw: ' '.repeat(2 * 1024 * 1024) }, 'body-too-large'],
    ['half a JSON text', 'POST', login, { raw: '{"username": "a",\n "pass' }, 'invalid-input', ''],
    ['JSON with a comma too many', 'POST', login, { raw: '{"username": "a",}' }, 'invalid-input', ''],
    ['bytes that are not UTF-8', 'POST', login, { raw: Buffer.from([0x22, 0xff, 0x22]) }, 'invalid-input', ''],
    ['a number for an object', 'POST', login, { raw: '7' }, 'invalid-input', ''],
    ['null', 'POST', login, { raw: 'null' }, 'invalid-input', ''],
    ['a list', 'POST', login, { raw: '[]' }, 'invalid-input', ''],
    ['no body', 'POST', login, {}, 'invalid-input', '/username'],
    ['an empty body', 'POST', login, { raw: '' }, 'invalid-input', '/username'],
    ['a field that is missing', 'POST', login, { body: { username: 'a' } }, 'invalid-input', '/password'],
    [
      'a field too many',
      'POST',
      login,
      { body: { username: 'a', password: 'b', admin: true } },
      'invalid-input',
      '/admin',
    ],
    ['a wrong type', 'POST', login, { body: { username: 1, password: 'b' } }, 'invalid-input', '/username'],
    [
      'a text that is too long',
      'POST',
      login,
      { body: { username: 'a'.repeat(65), password: 'b' } },
      'invalid-input',
      '/username',
    ],
    [
      'a key that reaches a prototype',
      'POST',
      login,
      { raw: '{"__proto__": {"role": "admin"}}' },
      'invalid-input',
      '/__proto__',
    ],
    ['the same, escaped', 'POST', login, { raw: '{"\\u005f_proto__": {}}' }, 'invalid-input', '/__proto__'],
    [
      'half a surrogate pair',
      'POST',
      login,
      { raw: '{"username": "\\ud83d", "password": "b"}' },
      'invalid-input',
      '/username',
    ],
    ['a key with a slash', 'POST', login, { raw: '{"a/b~c": 1}' }, 'invalid-input', '/a~1b~0c'],
    ['nested lists', 'POST', login, { raw: '['.repeat(8_000) + ']'.repeat(8_000) }, 'invalid-input', ''],
    ['more than a name and a password', 'POST', login, { raw: `"${'a'.repeat(20_000)}"` }, 'body-too-large'],
  ];

  it.each(refusals.map((row) => ({ row, what: row[0] })))('answers $what with a problem', async ({ row }) => {
    const [, method, url, options, code, pointer] = row;
    const answer = await gateway.call(method, url, options);
    const problem = problemIn(answer);
    expect(problem).toMatchObject({ code, status: problems[code].status, title: problems[code].title });
    expect(answer.status).toBe(problems[code].status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.headers['x-request-id']).toBe(problem.requestId);
    if (pointer !== undefined) expect(problem.errors?.map((fault) => fault.pointer)).toContain(pointer);
  });

  it('names every fault of a body at once', async () => {
    const body = { username: '', extra: 1, more: 2 };
    const problem = problemIn(await gateway.call('POST', login, { body }));
    expect(problem.errors?.map(({ pointer }) => pointer).sort()).toEqual(['/extra', '/more', '/password', '/username']);
    expect(problem.errors).toContainEqual({ pointer: '/extra', detail: 'There is no such field.' });
    expect(problem.errors).toContainEqual({ pointer: '/password', detail: 'This is required.' });
  });

  it('says where JSON ends to be JSON', async () => {
    const problem = problemIn(await gateway.call('POST', login, { raw: '{\n  "username": nil\n}' }));
    expect(problem.detail).toContain('line 2, column 15');
  });

  it('says which methods an address takes', async () => {
    const answer = await gateway.call('DELETE', '/api/v1/users');
    expect(answer.headers.allow).toBe('GET, HEAD, POST');
  });

  it('gives every request an id of its own, whatever the client calls it', async () => {
    for (const given of ['build-7.4_a', 'a b', 'x'.repeat(65), '<script>', 'é']) {
      const answer = await gateway.call('GET', '/healthz', { headers: { 'x-request-id': given } });
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('sends security headers with answers, pages and problems alike', async () => {
    for (const url of ['/healthz', '/docs', '/api/v1/users', '/nothing']) {
      const { headers } = await gateway.call('GET', url);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
    expect((await gateway.call('GET', '/api/v1/users')).headers['cache-control']).toBe('no-store');
  });

  it('answers bytes that are not HTTP with a problem', async () => {
    await gateway.app.listen(0, '127.0.0.1');
    const { port } = gateway.app.getHttpServer().address() as AddressInfo;
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.end('nonsense\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ code: 'invalid-input', status: 400 });
  });
});
