import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Me, TokenPair, User } from '@polyvirt/contracts';
import { IsNull } from 'typeorm';
import { Database } from '../database/database.ts';
import { problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { SessionEntity } from './session.entity.ts';

const me = '/api/v1/auth/me';
const refresh = '/api/v1/auth/refresh';

describe('sessions', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  const statusOf = async (token: string) => (await gateway.call('GET', me, { token })).status;
  const trade = (refreshToken: string) => gateway.call<TokenPair>('POST', refresh, { body: { refreshToken } });

  it('logs in, and says who is asking and what that allows', async () => {
    const { accessToken, expiresIn } = await gateway.login();
    const { status, body } = await gateway.call<Me>('GET', me, { token: accessToken });
    expect(status).toBe(200);
    expect(expiresIn).toBe(900);
    expect(body.user).toMatchObject({ username: 'admin', role: 'admin', disabled: false });
    expect(body.user.lastLoginAt).toBeDefined();
    expect(body.permissions).toContain('user:manage');
  });

  it('gives the same answer for a wrong name and for a wrong password', async () => {
    const answers = [
      await gateway.call('POST', '/api/v1/auth/login', { body: { username: 'admin', password: 'wrong' } }),
      await gateway.call('POST', '/api/v1/auth/login', { body: { username: 'nobody', password: 'wrong' } }),
    ].map((answer) => ({ ...problemIn(answer), requestId: '' }));
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]!.code).toBe('unauthenticated');
    // Whoever reads it did log in.
    expect(answers[0]!.title).not.toMatch(/log in/i);
  });

  it('trades a refresh token once; the second use ends the whole session', async () => {
    const first = await gateway.login();
    const second = (await trade(first.refreshToken)).body;
    expect(await statusOf(second.accessToken)).toBe(200);
    expect(problemIn(await trade(first.refreshToken)).code).toBe('unauthenticated');
    expect(await statusOf(second.accessToken)).toBe(401);
    expect(await statusOf(first.accessToken)).toBe(401);
    expect((await trade(second.refreshToken)).status).toBe(401);
  });

  it('lets one of two simultaneous trades win, and then ends the session', async () => {
    const { refreshToken } = await gateway.login();
    const answers = await Promise.all([trade(refreshToken), trade(refreshToken)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(await statusOf(answers.find(({ status }) => status === 200)!.body.accessToken)).toBe(401);
  });

  it('is not impressed by a guessed refresh token of a known session', async () => {
    const { accessToken, refreshToken } = await gateway.login();
    const [session] = refreshToken.split('.');
    expect((await trade(`${session}.AAAA.BBBB`)).status).toBe(401);
    expect(await statusOf(accessToken)).toBe(200);
  });

  it('ends a session by logout, at once and for good', async () => {
    const { accessToken, refreshToken } = await gateway.login();
    expect(await statusOf(accessToken)).toBe(200);
    const logout = () => gateway.call('POST', '/api/v1/auth/logout', { body: { refreshToken } });
    expect((await logout()).status).toBe(204);
    expect(await statusOf(accessToken)).toBe(401);
    expect((await trade(refreshToken)).status).toBe(401);
    expect((await logout()).status).toBe(204);
  });

  it('applies a lower role to tokens that are in use', async () => {
    const admin = (await gateway.login()).accessToken;
    const operator = await gateway.as('operator');
    const { user } = (await gateway.call<Me>('GET', me, { token: operator })).body;
    const { body } = await gateway.call<User>('PATCH', `/api/v1/users/${user.id}`, {
      token: admin,
      body: { role: 'viewer' },
    });
    expect(body.role).toBe('viewer');
    const now = (await gateway.call<Me>('GET', me, { token: operator })).body;
    expect(now.permissions).not.toContain('vm:power');
  });

  it('ends all sessions of a user who is disabled or gets a new password', async () => {
    const admin = (await gateway.login()).accessToken;
    const { id, username, token } = await gateway.signUp('operator');
    const user = `/api/v1/users/${id}`;
    await gateway.call('PATCH', user, { token: admin, body: { password: 'another good password' } });
    expect(await statusOf(token)).toBe(401);
    const next = (await gateway.login(username, 'another good password')).accessToken;
    expect(await statusOf(next)).toBe(200);
    await gateway.call('PATCH', user, { token: admin, body: { disabled: true } });
    expect(await statusOf(next)).toBe(401);
    await expect(gateway.login(username, 'another good password')).rejects.toThrow('wrong');
  });

  it('lets a session end with its time', async () => {
    const { accessToken, refreshToken } = await gateway.login();
    const database = gateway.app.get(Database);
    await database.transaction((manager) =>
      manager.update(SessionEntity, { revokedAt: IsNull() }, { expiresAt: Date.now() - 1 }),
    );
    expect(await statusOf(accessToken)).toBe(401);
    expect((await trade(refreshToken)).status).toBe(401);
  });

  it('refuses forged and borrowed tokens', async () => {
    const { accessToken } = await gateway.login();
    const [header, payload, signature] = accessToken.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = (head: unknown, body: unknown, secret: string, algorithm = 'sha256') => {
      const text = `${encode(head)}.${encode(body)}`;
      return `${text}.${createHmac(algorithm, secret).update(text).digest('base64url')}`;
    };
    const ours = 'a secret of the tests, of enough length';
    const hs256 = { alg: 'HS256', typ: 'JWT' };
    const now = Math.floor(Date.now() / 1_000);
    const forgeries = [
      `${header}.${encode({ ...claims, sub: 'somebody else' })}.${signature}`,
      `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      signed(hs256, claims, 'another secret of the right length'),
      signed({ alg: 'HS512', typ: 'JWT' }, claims, ours, 'sha512'),
      signed(hs256, { ...claims, aud: 'another-api' }, ours),
      signed(hs256, { ...claims, iss: 'another-issuer' }, ours),
      signed(hs256, { ...claims, exp: now - 1 }, ours),
      signed(hs256, { ...claims, sid: 'another-session' }, ours),
      accessToken.slice(0, -2),
      `${accessToken}x`,
    ];
    for (const forgery of forgeries) expect(await statusOf(forgery)).toBe(401);
    expect(await statusOf(signed(hs256, claims, ours))).toBe(200);
    const late = await gateway.call('GET', me, { token: signed(hs256, { ...claims, exp: now - 1 }, ours) });
    expect(problemIn(late).detail).toContain('expired');
  });

  it('stops listening to wrong passwords, per account, and says how long', async () => {
    const attempt = (username: string) =>
      gateway.call('POST', '/api/v1/auth/login', { body: { username, password: 'wrong' } });
    const { username } = await gateway.signUp('viewer');
    const answers = [];
    for (let count = 0; count < 11; count++) answers.push(await attempt(username));
    expect(answers.slice(0, 10).map(({ status }) => status)).toEqual(Array(10).fill(401));
    const refused = answers[10]!;
    expect(refused.status).toBe(429);
    expect(problemIn(refused).code).toBe('too-many-requests');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await attempt(username.toUpperCase())).status).toBe(429);
    expect((await attempt('another')).status).toBe(401);
    await expect(gateway.login(username)).rejects.toThrow('Too many');
    await gateway.login();
  });
});

describe('rate limit', () => {
  it('holds every caller to its share', async () => {
    const gateway = await startTestGateway({ environment: { POLYVIRT_RATE_LIMIT: '1' } });
    try {
      const { accessToken: token } = await gateway.login();
      const answers = await Promise.all(Array.from({ length: 15 }, () => gateway.call('GET', me, { token })));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThanOrEqual(4);
      expect(answers.some(({ status }) => status === 200)).toBe(true);
      expect(Number(refused[0]!.headers['retry-after'])).toBeGreaterThan(0);
    } finally {
      await gateway.stop();
    }
  });
});
