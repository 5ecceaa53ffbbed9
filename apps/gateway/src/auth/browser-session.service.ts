import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditRecord, Me, Page, TokenPair } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { adminPassword, problemIn, startTestGateway, type Answer, type TestGateway } from '../testing/test-gateway.ts';
import { UserPreferencesEntity } from './user-preferences.entity.ts';
import { sessionCookie } from './session-cookie.ts';

const auth = (what: string) => `/api/v1/auth/${what}`;

describe('a session in a cookie', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway({ environment: { POLYVIRT_TRUST_PROXY: '127.0.0.1' } });
  });
  afterAll(() => gateway.stop());

  const setCookie = ({ headers }: Answer): string => String(headers['set-cookie']);
  const valueIn = (answer: Answer): string => new RegExp(`^${sessionCookie}=([^;]*)`).exec(setCookie(answer))![1]!;
  const login = (headers: Record<string, string> = {}) =>
    gateway.call<TokenPair>('POST', auth('login'), {
      body: { username: 'admin', password: adminPassword, session: 'cookie' },
      headers,
    });
  const refresh = (value: string, headers: Record<string, string> = {}) =>
    gateway.call<TokenPair>('POST', auth('refresh'), { headers: { cookie: `${sessionCookie}=${value}`, ...headers } });
  const statusOf = async (token: string) => (await gateway.call('GET', auth('me'), { token })).status;

  it('is given to no script, to no other site, and to nothing but the routes that renew and end it', async () => {
    const answer = await login();
    expect(answer.body.refreshToken).toBeUndefined();
    expect(await statusOf(answer.body.accessToken)).toBe(200);
    expect(setCookie(answer)).toMatch(/; Path=\/api\/v1\/auth(;|$)/);
    expect(setCookie(answer)).toMatch(/; HttpOnly/);
    expect(setCookie(answer)).toMatch(/; SameSite=Strict/);
    expect(setCookie(answer)).not.toMatch(/Secure/);
    expect(setCookie(await login({ 'x-forwarded-proto': 'https' }))).toMatch(/; Secure/);
  });

  it('is renewed without a body, once for each cookie', async () => {
    const first = valueIn(await login());
    const second = await refresh(first);
    expect(second.status).toBe(200);
    expect(second.body.refreshToken).toBeUndefined();
    expect(await statusOf(second.body.accessToken)).toBe(200);
    const reused = await refresh(first);
    expect(problemIn(reused).code).toBe('unauthenticated');
    expect(setCookie(reused)).toMatch(/Max-Age=0/);
    expect(await statusOf(second.body.accessToken)).toBe(401);
  });

  it('ends by logout, with the cookie', async () => {
    const answer = await login();
    const headers = { cookie: `${sessionCookie}=${valueIn(answer)}` };
    const logout = await gateway.call('POST', auth('logout'), { headers });
    expect(logout.status).toBe(204);
    expect(setCookie(logout)).toMatch(/Max-Age=0/);
    expect(await statusOf(answer.body.accessToken)).toBe(401);
  });

  it.each(['https://elsewhere.example', 'http://localhost:8081', 'null', 'nonsense'])(
    'is not for pages of %s',
    async (origin) => {
      const value = valueIn(await login());
      const answer = await refresh(value, { host: 'localhost:8080', origin });
      expect(problemIn(answer).code).toBe('forbidden');
      expect((await refresh(value, { host: 'localhost:8080', origin: 'http://localhost:8080' })).status).toBe(200);
    },
  );

  it('is needed for nothing else, and opens nothing else', async () => {
    const cookie = `${sessionCookie}=${valueIn(await login())}`;
    expect((await gateway.call('GET', auth('me'), { headers: { cookie } })).status).toBe(401);
    expect(problemIn(await gateway.call('POST', auth('refresh'))).code).toBe('unauthenticated');
    expect((await gateway.call('POST', auth('logout'))).status).toBe(204);
  });

  it('leaves the tokens of other clients in the answer', async () => {
    const { refreshToken } = await gateway.login();
    const answer = await gateway.call<TokenPair>('POST', auth('refresh'), { body: { refreshToken } });
    expect(answer.body.refreshToken).toMatch(/\./);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('one’s own account', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  const me = async (token: string) => (await gateway.call<Me>('GET', auth('me'), { token })).body;
  const edit = (token: string, preferences: unknown) =>
    gateway.call<Me>('PATCH', auth('me'), { token, body: { preferences } });
  const apiToken = async (token: string) => {
    const body = { name: 'ci', scopes: ['vm:read'], expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    return (await gateway.call<{ secret: string }>('POST', '/api/v1/tokens', { token, body })).body.secret;
  };

  it('keeps preferences and saved views, each field by itself, and no other user’s', async () => {
    const [ada, grace] = [await gateway.as('viewer'), await gateway.as('viewer')];
    expect((await me(ada)).preferences).toEqual({});
    const views = [{ name: 'Busy', page: 'machines', query: 'q=state%3Arunning&sort=name' }];
    expect((await edit(ada, { language: 'fr', views })).body.preferences).toEqual({ language: 'fr', views });
    expect((await edit(ada, { theme: 'dark' })).body.preferences).toEqual({ language: 'fr', views, theme: 'dark' });
    expect((await me(ada)).preferences).toEqual({ language: 'fr', views, theme: 'dark' });
    expect((await me(grace)).preferences).toEqual({});
    const before = (await me(ada)).user.revision;
    expect((await edit(ada, { theme: 'light' })).body.user.revision).toBe(before);
  });

  it('goes with the user', async () => {
    const { id, token } = await gateway.signUp('viewer');
    await edit(token, { theme: 'dark' });
    const kept = () => gateway.app.get(Database).repository(UserPreferencesEntity).countBy({ userId: id });
    expect(await kept()).toBe(1);
    await gateway.call('DELETE', `/api/v1/users/${id}`, { token: (await gateway.login()).accessToken });
    expect(await kept()).toBe(0);
  });

  it('keeps at most 64 KiB, however it comes together', async () => {
    const ada = await gateway.as('viewer');
    const views = (page: string) =>
      Array.from({ length: 12 }, (_, n) => ({ name: `${page} ${n}`, page, query: 'x'.repeat(4_096) }));
    const columns = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [`page-${n}`, Array.from({ length: 40 }, (_, m) => `column-${m}`)]),
    );
    expect((await edit(ada, { views: views('machines') })).status).toBe(200);
    expect(problemIn(await edit(ada, { columns })).detail).toContain('64 KiB');
    expect((await me(ada)).preferences.columns).toBeUndefined();
  });

  it('changes the password for whoever knows the present one, and ends every other session', async () => {
    const { username, token } = await gateway.signUp('operator');
    const other = (await gateway.login(username)).accessToken;
    const change = (body: object, as = token) => gateway.call('POST', auth('password'), { token: as, body });
    const wrong = problemIn(await change({ current: 'wrong', password: 'another good password' }));
    expect(wrong.errors).toEqual([expect.objectContaining({ pointer: '/current' })]);
    const same = problemIn(await change({ current: adminPassword, password: adminPassword }));
    expect(same.errors).toEqual([expect.objectContaining({ pointer: '/password' })]);
    expect((await change({ current: adminPassword, password: 'another good password' })).status).toBe(204);
    expect((await gateway.call('GET', auth('me'), { token })).status).toBe(200);
    expect((await gateway.call('GET', auth('me'), { token: other })).status).toBe(401);
    await gateway.login(username, 'another good password');
    await expect(gateway.login(username)).rejects.toThrow('wrong');
    const admin = (await gateway.login()).accessToken;
    const audit = await gateway.call<Page<AuditRecord>>('GET', `/api/v1/audit?actor=${username}`, { token: admin });
    const outcomes = audit.body.items.filter(({ action }) => action === 'auth.password').map(({ outcome }) => outcome);
    expect(outcomes).toContain('succeeded');
    expect(outcomes).toContain('refused');
  });

  it('counts wrong passwords like those of a log-in', async () => {
    const { token } = await gateway.signUp('viewer');
    const guess = () =>
      gateway.call('POST', auth('password'), { token, body: { current: 'wrong', password: 'another good password' } });
    const statuses: number[] = [];
    for (let count = 0; count < 11; count++) statuses.push((await guess()).status);
    expect(statuses).toEqual([...Array<number>(10).fill(400), 429]);
  });

  it('is not for an API token to change', async () => {
    const secret = await apiToken(await gateway.as('viewer'));
    expect(problemIn(await edit(secret, { theme: 'dark' })).code).toBe('forbidden');
    const body = { current: adminPassword, password: 'another good password' };
    expect(problemIn(await gateway.call('POST', auth('password'), { token: secret, body })).code).toBe('forbidden');
  });
});
