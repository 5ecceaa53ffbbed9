import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  rolePermissions,
  type AuditRecord,
  type CreatedToken,
  type Page,
  type Session,
  type User,
} from '@polyvirt/contracts';
import type { Caller } from '../auth/caller.decorator.ts';
import { adminPassword, problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { Users } from './users.ts';

describe('users', () => {
  let gateway: TestGateway;
  let admin: string;
  beforeAll(async () => {
    gateway = await startTestGateway();
    admin = (await gateway.login()).accessToken;
  });
  afterAll(() => gateway.stop());

  const create = (username: string, role = 'viewer', password = adminPassword) =>
    gateway.call<User>('POST', '/api/v1/users', { token: admin, body: { username, role, password } });
  const listed = async () => (await gateway.call<Page<User>>('GET', '/api/v1/users?limit=500', { token: admin })).body;

  it('makes a user that can log in, and shows no password of it', async () => {
    const answer = await create('ada', 'operator');
    expect(answer.status).toBe(201);
    expect(answer.headers.location).toBe(`/api/v1/users/${answer.body.id}`);
    expect(answer.headers.etag).toBe('"1"');
    expect(answer.text).not.toMatch(/password|hash|\$2b/i);
    expect((await gateway.login('ada')).accessToken).toBeDefined();
    const read = await gateway.call<User>('GET', answer.headers.location!, { token: admin });
    expect(read.body).toMatchObject({ username: 'ada', role: 'operator', revision: 1 });
  });

  it('shows an admin where a user is logged in, and ends that at once; tokens stay', async () => {
    const { id, username, token } = await gateway.signUp('operator');
    const body = { name: 'ci', scopes: ['vm:read'], expiresAt: new Date(Date.now() + 60_000).toISOString() };
    const { secret } = (await gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token, body })).body;
    const ask = <Body>(method: string, path: string) => gateway.call<Body>(method, path, { token: admin });
    const sessions = async () => (await ask<Page<Session>>('GET', `/api/v1/users/${id}/sessions`)).body.items;
    expect(await sessions()).toEqual([expect.objectContaining({ address: '127.0.0.1', current: false })]);
    expect((await ask('DELETE', `/api/v1/users/${id}/sessions`)).status).toBe(204);
    expect(await sessions()).toEqual([]);
    const statusOf = async (given: string) => (await gateway.call('GET', '/api/v1/auth/me', { token: given })).status;
    expect([await statusOf(token), await statusOf(secret), await statusOf(admin)]).toEqual([401, 200, 200]);
    const audit = await ask<Page<AuditRecord>>('GET', '/api/v1/audit?action=user.sessions-end');
    expect(audit.body.items).toEqual([expect.objectContaining({ actor: 'admin', target: username })]);
    const nobody = await ask('DELETE', '/api/v1/users/5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90/sessions');
    expect(problemIn(nobody).code).toBe('user-not-found');
  });

  it('takes a name once, whatever its case, also in a race', async () => {
    const answers = await Promise.all(['Grace', 'grace', 'GRACE'].map((name) => create(name)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    expect(answers.filter(({ status }) => status === 409).map((answer) => problemIn(answer).code)).toEqual([
      'name-taken',
      'name-taken',
    ]);
    expect((await gateway.login('gRACE')).accessToken).toBeDefined();
  });

  it.each([
    [{ username: 'x y', role: 'viewer', password: adminPassword }, '/username'],
    [{ username: "'; DROP TABLE users; --", role: 'viewer', password: adminPassword }, '/username'],
    [{ username: '../admin', role: 'viewer', password: adminPassword }, '/username'],
    [{ username: 'eve', role: 'root', password: adminPassword }, '/role'],
    [{ username: 'eve', role: 'viewer', password: 'short' }, '/password'],
    [{ username: 'eve', role: 'viewer', password: 'é'.repeat(40) }, '/password'],
    [{ username: 'eve', role: 'viewer', password: adminPassword, id: 1 }, '/id'],
  ])('refuses %j and names the field', async (body, pointer) => {
    const before = (await listed()).items.length;
    const problem = problemIn(await gateway.call('POST', '/api/v1/users', { token: admin, body }));
    expect(problem.code).toBe('invalid-input');
    expect(problem.errors?.map((fault) => fault.pointer)).toEqual([pointer]);
    expect((await listed()).items).toHaveLength(before);
  });

  it('edits the revision that was read, and no other', async () => {
    const { body, headers } = await create('linus');
    const edit = (ifMatch: string, change: object) =>
      gateway.call<User>('PATCH', headers.location!, { token: admin, body: change, headers: { 'if-match': ifMatch } });
    const edited = await edit('"1"', { role: 'operator' });
    expect(edited.body).toMatchObject({ id: body.id, role: 'operator', revision: 2 });
    expect(edited.headers.etag).toBe('"2"');
    expect(problemIn(await edit('"1"', { role: 'viewer' })).code).toBe('stale-revision');
    expect((await edit('*', { role: 'viewer' })).status).toBe(200);
    expect(problemIn(await edit('*', {})).code).toBe('invalid-input');
  });

  it('deletes a user for good', async () => {
    const { headers } = await create('temporary');
    const token = (await gateway.login('temporary')).accessToken;
    expect((await gateway.call('DELETE', headers.location!, { token: admin })).status).toBe(204);
    expect((await gateway.call('GET', '/api/v1/auth/me', { token })).status).toBe(401);
    expect(problemIn(await gateway.call('DELETE', headers.location!, { token: admin })).code).toBe('user-not-found');
  });

  it('never loses the last admin, not even when two admins remove each other', async () => {
    const { items } = await listed();
    const first = items.find(({ username }) => username === 'admin')!;
    for (const body of [{ role: 'viewer' }, { disabled: true }]) {
      const answer = await gateway.call('PATCH', `/api/v1/users/${first.id}`, { token: admin, body });
      expect(problemIn(answer).code).toBe('wrong-state');
    }
    expect((await gateway.call('DELETE', `/api/v1/users/${first.id}`, { token: admin })).status).toBe(409);

    // Both have passed the guard; only the transaction is left to stop the second one.
    const second = (await create('second-admin', 'admin')).body;
    const users = gateway.app.get(Users);
    const caller: Caller = {
      userId: first.id,
      username: 'admin',
      role: 'admin',
      permissions: rolePermissions.admin,
      actor: 'admin',
      requestId: 'r',
      traceparent: '',
      address: '::1',
    };
    const outcomes = await Promise.allSettled(
      [first, second].map(({ id }) => users.edit(id, { role: 'viewer' }, undefined, caller)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find((outcome) => outcome.status === 'rejected')?.reason).toMatchObject({ code: 'wrong-state' });
    const demoted = outcomes[0]?.status === 'fulfilled' ? first : second;
    await users.edit(demoted.id, { role: 'admin' }, undefined, caller);
  });

  it('lists by name, part by part', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await create(name);
    const names: string[] = [];
    let url = '/api/v1/users?limit=2';
    for (;;) {
      const { body } = await gateway.call<Page<User>>('GET', url, { token: admin });
      names.push(...body.items.map(({ username }) => username));
      if (!body.nextCursor) break;
      url = `/api/v1/users?limit=2&cursor=${body.nextCursor}`;
    }
    expect(names).toEqual((await listed()).items.map(({ username }) => username));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(['limit=0', 'limit=501', 'limit=x', 'cursor=abc', 'page=2', 'limit=1&limit=2'])(
    'refuses the query %s',
    async (query) => {
      const problem = problemIn(await gateway.call('GET', `/api/v1/users?${query}`, { token: admin }));
      expect(problem.code).toBe('invalid-input');
      expect(problem.errors?.[0]?.pointer).toBe(query.split('=')[0]);
    },
  );

  it('refuses a cursor that was changed, and one of another list', async () => {
    await create('one-of-two-pages');
    const { nextCursor } = (await gateway.call<Page<User>>('GET', '/api/v1/users?limit=1', { token: admin })).body;
    const changed = nextCursor!.slice(0, -1) + (nextCursor!.endsWith('A') ? 'B' : 'A');
    for (const url of [`/api/v1/users?cursor=${changed}`, `/api/v1/tokens?cursor=${nextCursor}`]) {
      expect(problemIn(await gateway.call('GET', url, { token: admin })).code).toBe('invalid-input');
    }
  });

  it('is for admins only', async () => {
    for (const role of ['viewer', 'operator'] as const) {
      const token = await gateway.as(role);
      for (const [method, url, body] of [
        ['GET', '/api/v1/users', undefined],
        ['POST', '/api/v1/users', { username: 'x', role: 'admin', password: adminPassword }],
        ['GET', '/api/v1/audit', undefined],
      ] as const) {
        const answer = await gateway.call(method, url, { token, ...(body && { body }) });
        expect(problemIn(answer)).toMatchObject({ code: 'forbidden', status: 403 });
      }
    }
  });
});
