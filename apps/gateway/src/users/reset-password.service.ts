import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { AuditRecord, CreatedToken, Page } from '@polyvirt/contracts';
import { Audit } from '../audit/audit.ts';
import { Passwords } from '../auth/passwords.ts';
import { Database } from '../database/database.ts';
import { adminPassword, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { PasswordNotReset, resetPassword } from './reset-password.ts';

describe('a password that is reset beside the gateway', () => {
  const another = 'four unrelated words here';
  let gateway: TestGateway;
  let admin: string;
  beforeAll(async () => {
    gateway = await startTestGateway({ times: { guessWaitMs: 30 } });
    admin = (await gateway.login()).accessToken;
  });
  afterAll(() => gateway.stop());

  const reset = (username: string, password: string) => {
    const { app } = gateway;
    return resetPassword(app.get(Database), app.get(Audit), app.get(Passwords), { username, password });
  };
  const logIn = async (username: string, password: string) =>
    (await gateway.call('POST', '/api/v1/auth/login', { body: { username, password } })).status;
  const statusOf = async (token: string) => (await gateway.call('GET', '/api/v1/auth/me', { token })).status;

  it('is good at once, whoever was kept out; the one before, sessions and API tokens are not', async () => {
    const { id, username, token } = await gateway.signUp('operator');
    const body = { name: 'ci', scopes: ['vm:read'], expiresAt: new Date(Date.now() + 600_000).toISOString() };
    const { secret } = (await gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token, body })).body;
    for (let count = 0; count < 11; count++) await logIn(username, 'wrong');
    expect(await logIn(username, adminPassword)).toBe(429);
    await gateway.call('PATCH', `/api/v1/users/${id}`, { token: admin, body: { disabled: true } });

    expect(await reset(username.toUpperCase(), another)).toEqual({ wasDisabled: true });
    expect([await logIn(username, another), await logIn(username, adminPassword)]).toEqual([200, 401]);
    // A gateway looks every second whether somebody else has changed who may do what.
    await eventually(async () => expect([await statusOf(token), await statusOf(secret)]).toEqual([401, 401]));
    const path = '/api/v1/audit?action=user.reset-password';
    const audit = (await gateway.call<Page<AuditRecord>>('GET', path, { token: admin })).body.items;
    expect(audit).toEqual([
      expect.objectContaining({ target: username, address: 'local', detail: expect.stringContaining('1 API tokens') }),
    ]);
  });

  it('is refused for nobody, with who there is, and as one that is guessed', async () => {
    await expect(reset('nobody', another)).rejects.toThrow('There is no user nobody. Admins are admin.');
    await expect(reset('admin', 'password')).rejects.toThrow(PasswordNotReset);
    expect(await statusOf(admin)).toBe(200);
  });
});
