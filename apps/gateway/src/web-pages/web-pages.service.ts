import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';

const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const script = 'console.log("a script that is long enough to be worth compressing");\n'.repeat(20);

describe('the web console', () => {
  let gateway: TestGateway;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-web-'));
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<!doctype html><style nonce="__NONCE__"></style><p>__NONCE__</p>');
    const file = join(folder, 'assets', 'entry-1a2b.js');
    await writeFile(file, script);
    await writeFile(`${file}.gz`, gzipSync(script));
    await writeFile(`${file}.br`, brotliCompressSync(script));
    gateway = await startTestGateway({ environment: { POLYVIRT_WEB_ROOT: folder } });
  });
  afterAll(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true });
  });

  it.each(['/', '/machines', '/machines/kvm-lab1~4b2c/console?tab=1', '/no/such/page', '/vms'])(
    'is there at %s for a browser',
    async (url) => {
      const { status, headers, text } = await gateway.call('GET', url, { headers: browser });
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers.vary).toBe('Accept');
      expect(text).toMatch(/^<!doctype html>/);
    },
  );

  it('has a policy that lets no script and no style in without the nonce of this answer', async () => {
    const pages = [
      await gateway.call('GET', '/', { headers: browser }),
      await gateway.call('GET', '/machines', { headers: browser }),
      await gateway.call('GET', '/docs', { headers: browser }),
      await gateway.call('GET', '/docs/problems', { headers: browser }),
    ];
    const nonces = pages.map(({ headers, text }) => {
      const policy = headers['content-security-policy']!;
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[A-Za-z0-9+/=]{24}';/);
      expect(policy).not.toMatch(/unsafe-|\*|https?:/);
      for (const directive of ["base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"])
        expect(policy).toContain(directive);
      expect(text).not.toContain('__NONCE__');
      return /'nonce-([^']+)'/.exec(policy)![1]!;
    });
    expect(new Set(nonces).size).toBe(pages.length);
    expect(pages[0]!.text).toContain(`nonce="${nonces[0]}"`);
  });

  it('is JSON at its root for a program', async () => {
    for (const accept of ['*/*', 'application/json', 'application/json, text/plain, */*']) {
      const { status, headers, body } = await gateway.call('GET', '/', { headers: { accept } });
      expect(status).toBe(200);
      expect(headers['content-type']).toMatch(/^application\/json/);
      expect(headers['content-security-policy']).toContain("default-src 'none'; frame-ancestors");
      expect(body).toMatchObject({ status: 'ok', api: '/api/v1' });
    }
    expect((await gateway.call('GET', '/')).headers['content-type']).toMatch(/^application\/json/);
  });

  it.each([
    ['GET', '/machines', 'application/json'],
    ['POST', '/machines', browser.accept],
    ['GET', '/api/v1/nothing', browser.accept],
    ['GET', '/assets/none.js', browser.accept],
    ['GET', '/assets/..%2findex.html', browser.accept],
    ['GET', '/docs/none', browser.accept],
  ])('is not what %s %s means for %s', async (method, url, accept) => {
    const answer = await gateway.call(method, url, { headers: { accept } });
    expect(problemIn(answer).code).toBe('route-not-found');
  });

  it.each([
    ['br', 'gzip, deflate, br'],
    ['gzip', 'gzip'],
    [undefined, 'identity'],
  ])('sends its files compressed as %s to who takes %s, to be kept for good', async (encoding, accepted) => {
    const { status, headers } = await gateway.call('GET', '/assets/entry-1a2b.js', {
      headers: { 'accept-encoding': accepted },
    });
    expect(status).toBe(200);
    expect(headers['content-encoding']).toBe(encoding);
    expect(headers['content-type']).toMatch(/^(?:text|application)\/javascript/);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
  });

  it('says how to build it where it is not', async () => {
    const bare = await startTestGateway({ environment: { POLYVIRT_WEB_ROOT: join(folder, 'none') } });
    try {
      const { status, text } = await bare.call('GET', '/machines', { headers: browser });
      expect(status).toBe(200);
      expect(text).toContain('npm run build');
      expect(problemIn(await bare.call('GET', '/assets/entry.js')).code).toBe('route-not-found');
    } finally {
      await bare.stop();
    }
  });
});
