import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemCodes } from '@polyvirt/contracts';
import { startTestGateway, type TestGateway } from '../testing/test-gateway.ts';

describe('docs', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  it('serves the document that the page asks for', async () => {
    const { status, body } = await gateway.call<{ openapi: string; paths: object }>('GET', '/api/v1/openapi.json');
    expect(status).toBe(200);
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toContain('/api/v1/auth/login');
  });

  it('serves a page that takes everything from here, under a policy that allows nothing else', async () => {
    const { text, headers } = await gateway.call('GET', '/docs');
    expect(headers['content-type']).toMatch(/^text\/html/);
    expect(headers['content-security-policy']).toContain("script-src 'self';");
    const sources = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
    expect(sources.length).toBeGreaterThan(3);
    for (const source of sources) {
      expect(source).toMatch(/^\/docs\//);
      expect((await gateway.call('GET', source)).status).toBe(200);
    }
    expect(text).not.toMatch(/<script>|onload=/);
  });

  it('explains every code where the type of its problem leads', async () => {
    const { text } = await gateway.call('GET', '/docs/problems');
    for (const code of problemCodes) expect(text).toContain(`id="${code}"`);
  });
});
