import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiToken, Me, Page } from '@polyvirt/contracts';
import { adminPassword, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { newTokenSecret } from './token-secrets.ts';

describe('the token of run.json', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-run-token-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const start = (token: string | undefined) =>
    startTestGateway({
      environment: {
        POLYVIRT_DATABASE_URL: `sqlite:${join(folder, 'gateway.db')}`,
        ...(token !== undefined && { POLYVIRT_RUN_TOKEN: token }),
      },
    });
  const me = (gateway: TestGateway, token: string) => gateway.call<Me>('GET', '/api/v1/auth/me', { token });

  it('is an administrator’s, outlives a new password, and is worth nothing after the gateway', async () => {
    const [first, second] = [newTokenSecret().secret, newTokenSecret().secret];
    const gateway = await start(first);
    const asked = await me(gateway, first);
    expect(asked.body).toMatchObject({ user: { username: 'admin', role: 'admin' } });
    expect(asked.body.permissions).toContain('vm:create');
    const { accessToken } = await gateway.login();
    const body = { current: adminPassword, password: 'another good password' };
    expect((await gateway.call('POST', '/api/v1/auth/password', { token: accessToken, body })).status).toBe(204);
    expect((await me(gateway, first)).status).toBe(200);
    await gateway.stop();

    const next = await start(second);
    expect((await me(next, second)).status).toBe(200);
    expect((await me(next, first)).status).toBe(401);
    const { items } = (await next.call<Page<ApiToken>>('GET', '/api/v1/tokens', { token: second })).body;
    expect(items).toHaveLength(1);
    await next.stop();
    const third = newTokenSecret().secret;
    const last = await start(third);
    expect((await me(last, second)).status).toBe(401);
    expect((await me(last, third)).status).toBe(200);
    await last.stop();
  });
});
