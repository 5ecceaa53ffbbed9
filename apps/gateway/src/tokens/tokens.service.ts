import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ApiToken, CreatedToken, Me, Page, User } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { IdentityChanges } from '../auth/identity-changes.ts';
import { problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { TokenEntity } from './token.entity.ts';

const day = 24 * 3_600_000;
const inDays = (days: number) => new Date(Date.now() + days * day).toISOString();

describe('API tokens', () => {
  let gateway: TestGateway;
  let admin: string;
  let operator: string;
  let operatorName: string;
  beforeAll(async () => {
    gateway = await startTestGateway();
    admin = (await gateway.login()).accessToken;
    ({ token: operator, username: operatorName } = await gateway.signUp('operator'));
  });
  afterAll(() => gateway.stop());

  const make = (token: string, name: string, scopes: string[], expiresAt = inDays(30)) =>
    gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token, body: { name, scopes, expiresAt } });
  const list = (token: string) => gateway.call<Page<ApiToken>>('GET', '/api/v1/tokens', { token });
  const me = (token: string) => gateway.call<Me>('GET', '/api/v1/auth/me', { token });

  it('shows a secret once, and takes it as a bearer from then on', async () => {
    const { status, body } = await make(operator, 'ci', ['vm:read', 'vm:power']);
    expect(status).toBe(201);
    expect(body.secret).toMatch(/^pv_[A-Za-z0-9_-]{43}$/);
    expect(body.secret.startsWith(body.prefix)).toBe(true);
    const shown = (await list(operator)).body.items.find(({ id }) => id === body.id);
    expect(shown).toMatchObject({ name: 'ci', owner: operatorName, prefix: body.prefix });
    expect(shown).not.toHaveProperty('secret');
    const asked = await me(body.secret);
    expect(asked.body).toMatchObject({ user: { username: operatorName }, token: { id: body.id, name: 'ci' } });
    expect(asked.body.permissions.sort()).toEqual(['vm:power', 'vm:read']);
    expect((await list(operator)).body.items.find(({ id }) => id === body.id)?.lastUsedAt).toBeDefined();
  });

  it('shows a token where its making said that it is', async () => {
    const { body, headers } = await make(operator, 'located', ['vm:read']);
    const get = (token: string) => gateway.call<ApiToken>('GET', headers.location!, { token });
    const shown = await get(operator);
    expect(shown.status).toBe(200);
    expect(shown.body).toEqual((await list(operator)).body.items.find(({ id }) => id === body.id));
    expect(shown.body).not.toHaveProperty('secret');
    expect((await get(admin)).body.owner).toBe(operatorName);
    expect(problemIn(await get(await gateway.as('viewer'))).code).toBe('token-not-found');
  });

  it('lists the newest first, also of those that were made within a millisecond', async () => {
    const { token } = await gateway.signUp('operator');
    const names = ['one', 'two', 'three', 'four', 'five'];
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now());
    try {
      for (const name of names) expect((await make(token, name, ['vm:read'])).status).toBe(201);
    } finally {
      clock.mockRestore();
    }
    expect((await list(token)).body.items.map(({ name }) => name)).toEqual(names.toReversed());
  });

  it('keeps no secret in the database', async () => {
    const { body } = await make(operator, 'kept', ['vm:read']);
    const rows = await gateway.app.get(Database).repository(TokenEntity).find();
    expect(JSON.stringify(rows)).not.toContain(body.secret);
  });

  it('gives no more than the scopes, and no more than the role', async () => {
    const narrow = (await make(admin, 'narrow', ['vm:read'])).body.secret;
    expect(problemIn(await gateway.call('GET', '/api/v1/users', { token: narrow }))).toMatchObject({
      code: 'forbidden',
      detail: expect.stringContaining('The token narrow'),
    });
    expect(problemIn(await make(operator, 'wide', ['vm:read', 'user:manage'])).code).toBe('forbidden');

    const { user } = (await me(operator)).body;
    const promoted = { token: admin, body: { role: 'admin' } };
    expect((await gateway.call<User>('PATCH', `/api/v1/users/${user.id}`, promoted)).status).toBe(200);
    const ofPromoted = (await make(operator, 'promoted', ['user:manage', 'vm:read'])).body.secret;
    expect((await gateway.call('GET', '/api/v1/users', { token: ofPromoted })).status).toBe(200);
    await gateway.call('PATCH', `/api/v1/users/${user.id}`, { token: admin, body: { role: 'operator' } });
    expect((await gateway.call('GET', '/api/v1/users', { token: ofPromoted })).status).toBe(403);
    expect((await me(ofPromoted)).body.permissions).toEqual(['vm:read']);
  });

  it('makes no tokens by token', async () => {
    const { secret } = (await make(operator, 'parent', ['token:manage', 'vm:read'])).body;
    expect(problemIn(await make(secret, 'child', ['vm:read'])).code).toBe('forbidden');
  });

  it.each([
    [{ name: 'x', scopes: [], expiresAt: inDays(1) }, '/scopes'],
    [{ name: 'x', scopes: ['vm:fly'], expiresAt: inDays(1) }, '/scopes/0'],
    [{ name: ' ', scopes: ['vm:read'], expiresAt: inDays(1) }, '/name'],
    [{ name: 'x', scopes: ['vm:read'], expiresAt: inDays(-1) }, '/expiresAt'],
    [{ name: 'x', scopes: ['vm:read'], expiresAt: inDays(400) }, '/expiresAt'],
    [{ name: 'x', scopes: ['vm:read'], expiresAt: 'tomorrow' }, '/expiresAt'],
    [{ name: 'x', scopes: ['vm:read'] }, '/expiresAt'],
  ])('refuses %j', async (body, pointer) => {
    const problem = problemIn(await gateway.call('POST', '/api/v1/tokens', { token: operator, body }));
    expect(problem).toMatchObject({ code: 'invalid-input', errors: [{ pointer }] });
  });

  it('takes a name once for each owner', async () => {
    expect((await make(operator, 'twin', ['vm:read'])).status).toBe(201);
    expect(problemIn(await make(operator, 'twin', ['vm:read'])).code).toBe('name-taken');
    expect((await make(admin, 'twin', ['vm:read'])).status).toBe(201);
  });

  it('shows and revokes the tokens of others only to who manages users', async () => {
    const { body } = await make(admin, 'private', ['vm:read']);
    expect((await list(operator)).body.items.map(({ owner }) => owner)).not.toContain('admin');
    const remove = (token: string) => gateway.call('DELETE', `/api/v1/tokens/${body.id}`, { token });
    expect(problemIn(await remove(operator)).code).toBe('token-not-found');
    const own = (await make(operator, 'revoked', ['vm:read'])).body;
    expect((await me(own.secret)).status).toBe(200);
    expect((await gateway.call('DELETE', `/api/v1/tokens/${own.id}`, { token: admin })).status).toBe(204);
    expect((await me(own.secret)).status).toBe(401);
  });

  it('ends with its time', async () => {
    const { body } = await make(operator, 'short', ['vm:read']);
    await gateway.app
      .get(IdentityChanges)
      .change((manager) => manager.update(TokenEntity, { id: body.id }, { expiresAt: Date.now() - 1 }));
    expect(problemIn(await me(body.secret))).toMatchObject({
      code: 'unauthenticated',
      detail: 'The API token has expired.',
    });
  });
});
