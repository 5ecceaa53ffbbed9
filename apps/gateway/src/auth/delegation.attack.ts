import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { permissions, type ApiToken, type CreatedToken, type Me, type Page, type Session } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { adminPassword, problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { IdentityChanges } from './identity-changes.ts';
import { SessionEntity } from './session.entity.ts';

const nobody = '5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90';

interface Document {
  paths: Record<string, Record<string, { 'x-permission'?: string; 'x-fresh-password'?: boolean }>>;
}

describe('somebody with a credential that was meant for less', () => {
  let gateway: TestGateway;
  let admin: string;
  beforeAll(async () => {
    gateway = await startTestGateway();
    admin = (await gateway.login()).accessToken;
  });
  afterAll(() => gateway.stop());

  const makeToken = async (token: string, name: string, scopes: readonly string[] = permissions) => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const answer = await gateway.call<CreatedToken>('POST', '/api/v1/tokens', {
      token,
      body: { name, scopes, expiresAt },
    });
    expect(answer.status).toBe(201);
    return answer.body;
  };
  /** As if the password had been given long ago. */
  const age = (userId: string) =>
    gateway.app
      .get(IdentityChanges)
      .change((manager) => manager.update(SessionEntity, { userId }, { confirmedAt: Date.now() - 11 * 60_000 }));
  const confirm = (token: string, password = adminPassword) =>
    gateway.call<{ confirmedUntil: string }>('POST', '/api/v1/auth/confirm', { token, body: { password } });

  it('makes no admin, and no credential, by an API token of every scope', async () => {
    const { secret } = await makeToken(admin, 'everything');
    const { id } = await gateway.signUp('viewer');
    const attempts: [string, string, object][] = [
      ['POST', '/api/v1/users', { username: 'mine', password: 'a password of mine', role: 'admin' }],
      ['PATCH', `/api/v1/users/${id}`, { role: 'admin' }],
      ['PATCH', `/api/v1/users/${id}`, { password: 'a password of mine' }],
      ['DELETE', `/api/v1/users/${id}`, {}],
      [
        'POST',
        '/api/v1/tokens',
        { name: 'child', scopes: ['vm:read'], expiresAt: new Date(Date.now() + 60_000).toISOString() },
      ],
      ['POST', '/api/v1/auth/password', { current: adminPassword, password: 'a password of mine' }],
      ['POST', '/api/v1/auth/confirm', { password: adminPassword }],
    ];
    for (const [method, url, body] of attempts)
      expect([method, url, problemIn(await gateway.call(method, url, { token: secret, body })).code]).toEqual([
        method,
        url,
        'forbidden',
      ]);
  });

  it('changes nothing about who may do what in a session that was left open, until the password is given again', async () => {
    const user = (await gateway.call<Me>('GET', '/api/v1/auth/me', { token: admin })).body.user;
    const { paths } = (await gateway.call<Document>('GET', '/api/v1/openapi.json')).body;
    const guarded = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method, { 'x-permission': permission }]) => method !== 'get' && permission === 'user:manage')
        .map(([method, route]) => ({ method: method.toUpperCase(), path, fresh: route['x-fresh-password'] === true })),
    );
    // An unlock makes nobody stronger.
    expect(guarded.filter(({ fresh }) => !fresh).map(({ path }) => path)).toEqual(['/api/v1/users/{id}/unlock']);
    await age(user.id);
    const ask = ({ method, path }: { method: string; path: string }) =>
      gateway.call(method, path.replace('{id}', nobody), { token: admin, body: {} });
    for (const route of [...guarded.filter(({ fresh }) => fresh), { method: 'POST', path: '/api/v1/tokens' }])
      expect([route.path, problemIn(await ask(route)).code]).toEqual([route.path, 'confirmation-required']);
    expect(problemIn(await confirm(admin, 'wrong')).code).toBe('invalid-input');
    expect(problemIn(await ask(guarded[0]!)).code).toBe('confirmation-required');
    const { status, body } = await confirm(admin);
    expect(status).toBe(200);
    expect(Date.parse(body.confirmedUntil) - Date.now()).toBeGreaterThan(9 * 60_000);
    expect((await gateway.call<Me>('GET', '/api/v1/auth/me', { token: admin })).body.confirmedUntil).toBe(
      body.confirmedUntil,
    );
    for (const route of guarded) expect(problemIn(await ask(route)).code).not.toBe('confirmation-required');
  });

  it('cannot find the password by confirming it', async () => {
    const { token } = await gateway.signUp('viewer');
    const answers = [];
    for (let count = 0; count < 12; count++) answers.push((await confirm(token, `guess ${count}`)).status);
    expect(answers.at(-1)).toBe(429);
  });

  it('is thrown out of every session and token by a new password, unless an admin keeps the tokens', async () => {
    const outcomes = [];
    for (const tokens of [undefined, 'end', 'keep'] as const) {
      const { id, username, token } = await gateway.signUp('operator');
      const { secret } = await makeToken(token, 'robot', ['vm:read']);
      const body = { password: `new password ${tokens} at last`, ...(tokens && { tokens }) };
      expect((await gateway.call('PATCH', `/api/v1/users/${id}`, { token: admin, body })).status).toBe(200);
      const statusOf = async (bearer: string) =>
        (await gateway.call('GET', '/api/v1/auth/me', { token: bearer })).status;
      outcomes.push([await statusOf(token), await statusOf(secret)]);
      const listed = (await gateway.call<Page<ApiToken>>('GET', '/api/v1/tokens', { token: admin })).body.items;
      expect(listed.some(({ owner }) => owner === username)).toBe(tokens === 'keep');
    }
    expect(outcomes).toEqual([
      [401, 401],
      [401, 401],
      [401, 200],
    ]);
  });

  it('is seen among the sessions of the user, and put out', async () => {
    const { username, token } = await gateway.signUp('viewer');
    const thief = await gateway.call<{ accessToken: string }>('POST', '/api/v1/auth/login', {
      body: { username, password: adminPassword },
      headers: { 'user-agent': 'thief/1.0\u0007' },
    });
    const stranger = await gateway.signUp('viewer');
    const list = async (bearer: string) =>
      (await gateway.call<Page<Session>>('GET', '/api/v1/auth/sessions', { token: bearer })).body.items;
    const sessions = await list(token);
    expect(sessions.map(({ current }) => current).sort()).toEqual([false, true]);
    const other = sessions.find(({ current }) => !current)!;
    expect(other).toMatchObject({ address: '127.0.0.1', client: expect.stringMatching(/^thief\/1\.0/) });
    const end = (bearer: string, id: string) =>
      gateway.call('DELETE', `/api/v1/auth/sessions/${id}`, { token: bearer });
    expect(problemIn(await end(stranger.token, other.id)).code).toBe('session-not-found');
    expect((await end(token, other.id)).status).toBe(204);
    const statusOf = async (bearer: string) => (await gateway.call('GET', '/api/v1/auth/me', { token: bearer })).status;
    expect(await statusOf(thief.body.accessToken)).toBe(401);
    const third = (await gateway.login(username)).accessToken;
    expect((await gateway.call('DELETE', '/api/v1/auth/sessions', { token })).status).toBe(204);
    expect([await statusOf(third), await statusOf(token)]).toEqual([401, 200]);
    expect(await list(token)).toHaveLength(1);
  });

  it('keeps no session when the password is that of nobody any more', async () => {
    const { id } = await gateway.signUp('viewer');
    await gateway.call('DELETE', `/api/v1/users/${id}`, { token: admin });
    expect(await gateway.app.get(Database).repository(SessionEntity).countBy({ userId: id })).toBe(0);
  });
});
