import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditVerdict, TokenPair } from '@polyvirt/contracts';
import { startTestGateway, type TestGateway } from '../testing/test-gateway.ts';

const me = '/api/v1/auth/me';
const first = 'the first secret that is long enough to be one';
const second = 'the second secret that is long enough to be one';

function signed(secret: string, claims: object, header: object = {}): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

describe('somebody who makes tokens', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway({ environment: { POLYVIRT_JWT_SECRET: first } });
  });
  afterAll(() => gateway.stop());

  it('is answered 401 for every claim that is missing or of another kind', async () => {
    const { accessToken } = await gateway.login();
    const [, payload] = accessToken.split('.') as [string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    for (const name of Object.keys(claims)) {
      for (const value of [undefined, null, 7, true, {}, ['a'], '']) {
        if (name === 'iat' || claims[name] === value) continue;
        const answer = await gateway.call('GET', me, { token: signed(first, { ...claims, [name]: value }) });
        expect([name, value, answer.status]).toEqual([name, value, 401]);
      }
    }
    for (const kid of ['', '../../etc/passwd', 'x'.repeat(1_000), 7, null, {}, '__proto__'])
      for (const secret of [first, second, ''])
        if (!(secret === first && typeof kid !== 'string'))
          expect((await gateway.call('GET', me, { token: signed(secret || 'x', claims, { kid }) })).status).toBe(401);
  });
});

describe('a secret that was seen by others', () => {
  it('is replaced without logging anybody out, and is worth nothing once it is removed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-keys-'));
    const POLYVIRT_DATABASE_URL = `sqlite:${join(folder, 'gateway.db')}`;
    const during = async <Result>(
      secret: string,
      previous: string,
      work: (gateway: TestGateway) => Promise<Result>,
    ): Promise<Result> => {
      const gateway = await startTestGateway({
        environment: {
          POLYVIRT_DATABASE_URL,
          POLYVIRT_JWT_SECRET: secret,
          ...(previous && { POLYVIRT_JWT_PREVIOUS_SECRETS: previous }),
        },
      });
      try {
        return await work(gateway);
      } finally {
        await gateway.stop();
      }
    };
    const trade = async (gateway: TestGateway, { refreshToken }: TokenPair) =>
      gateway.call<TokenPair>('POST', '/api/v1/auth/refresh', { body: { refreshToken } });
    const statusOf = async (gateway: TestGateway, { accessToken }: TokenPair) =>
      (await gateway.call('GET', me, { token: accessToken })).status;
    try {
      const old = await during(first, '', (gateway) => gateway.login());
      const renewed = await during(second, first, async (gateway) => {
        expect(await statusOf(gateway, old)).toBe(200);
        const answer = await trade(gateway, old);
        expect(answer.status).toBe(200);
        const kid = (token: string) =>
          (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid;
        expect(kid(answer.body.accessToken)).not.toBe(kid(old.accessToken));
        const { body } = await gateway.call<AuditVerdict>('GET', '/api/v1/audit/verify', {
          token: answer.body.accessToken,
        });
        expect(body).toMatchObject({ intact: true, faults: [] });
        return answer.body;
      });
      await during(second, '', async (gateway) => {
        expect(await statusOf(gateway, old)).toBe(401);
        expect(await statusOf(gateway, renewed)).toBe(200);
        expect((await trade(gateway, renewed)).status).toBe(200);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
