import { afterEach, describe, expect, it } from '@jest/globals';
import { ProblemError, type CreatedToken } from '@polyvirt/contracts';
import { eventually } from '@polyvirt/bus/testing';
import { TestHouse } from '../testing/test-house.ts';
import { problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { Readiness } from './readiness.ts';

describe('health', () => {
  let gateway: TestGateway;
  afterEach(() => gateway.stop());

  it('is alive while it is not ready, and says which part is missing without its secrets', async () => {
    gateway = await startTestGateway();
    expect((await gateway.call('GET', '/readyz')).body).toEqual({ status: 'ready', checks: { database: 'ok' } });
    const readiness = gateway.app.get(Readiness);
    readiness.add('bus', () => {
      throw new ProblemError('unavailable', 'Not connected.');
    });
    readiness.add('cellar', () => Promise.reject(new Error('connect ECONNREFUSED secret-host:3306')));
    const answer = await gateway.call('GET', '/readyz');
    expect(answer.status).toBe(503);
    expect(problemIn(answer).detail).toBe('Not ready. bus: Not connected.; cellar: does not answer');
    expect((await gateway.call('GET', '/healthz')).body).toEqual({ status: 'alive' });
  });

  const metrics = (headers: Record<string, string> = {}, token?: string) =>
    gateway.call('GET', '/metrics', { headers, ...(token !== undefined && { token }) });

  it('gives metrics to this machine, and to nobody behind a proxy', async () => {
    gateway = await startTestGateway();
    await gateway.call('GET', '/api/v1/users/5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90');
    const { status, text, headers } = await metrics();
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(text).toContain(
      'polyvirt_http_request_seconds_count{method="GET",route="/api/v1/users/:id",status="401"} 1',
    );
    expect(text).toContain('process_cpu_seconds_total');
    expect((await metrics({ 'x-forwarded-for': '203.0.113.7' })).status).toBe(403);
  });

  it('believes a proxy it was told of', async () => {
    gateway = await startTestGateway({ environment: { POLYVIRT_TRUST_PROXY: '127.0.0.1' } });
    expect((await metrics({ 'x-forwarded-for': '203.0.113.7' })).status).toBe(403);
    expect((await metrics({ 'x-forwarded-for': '127.0.0.1' })).status).toBe(200);
    const { headers } = await gateway.call('GET', '/healthz');
    expect(headers['strict-transport-security']).toContain('max-age');
  });

  it('gives metrics by token where that is set', async () => {
    gateway = await startTestGateway({ environment: { POLYVIRT_METRICS_ACCESS: 'token' } });
    const { accessToken } = await gateway.login();
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const make = async (name: string, scope: string) =>
      (
        await gateway.call<CreatedToken>('POST', '/api/v1/tokens', {
          token: accessToken,
          body: { name, scopes: [scope], expiresAt },
        })
      ).body.secret;
    expect((await metrics()).status).toBe(401);
    expect((await metrics({}, await make('reader', 'metrics:read'))).status).toBe(200);
    expect((await metrics({}, await make('other', 'vm:read'))).status).toBe(403);
  });
});

describe('readiness', () => {
  it('is over while the bus stores nothing, though it takes connections', async () => {
    const pulse = { everyMs: 20, withinMs: 300, wellForMs: 300 };
    const house = await TestHouse.startAlone({ times: { pulse } });
    const answers = (status: number, what: RegExp) =>
      eventually(async () => {
        const answer = await house.gateway.call('GET', '/readyz');
        expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(what)]);
      });
    try {
      await answers(200, /"bus":"ok"/);
      house.nats.signal('SIGSTOP');
      await answers(503, /bus: The message bus has stored nothing for \d+ s\./);
      house.nats.signal('SIGCONT');
      await answers(200, /"bus":"ok"/);
    } finally {
      house.nats.signal('SIGCONT');
      await house.stop();
    }
  });
});
