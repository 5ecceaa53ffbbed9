import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditRecord, CreatedToken, Page } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { adminPassword, problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { Audit } from './audit.ts';

describe('audit', () => {
  let gateway: TestGateway;
  let admin: string;
  beforeAll(async () => {
    gateway = await startTestGateway();
    admin = (await gateway.login()).accessToken;
  });
  afterAll(() => gateway.stop());

  const read = async (query = '') =>
    (await gateway.call<Page<AuditRecord>>('GET', `/api/v1/audit${query}`, { token: admin })).body;

  it('records who did what, from where, in which request', async () => {
    await gateway.call('POST', '/api/v1/users', {
      token: admin,
      body: { username: 'ada', role: 'viewer', password: adminPassword },
      headers: { 'x-request-id': 'make-ada' },
    });
    const { items } = await read('?clientRequestId=make-ada');
    expect(items).toEqual([
      expect.objectContaining({
        actor: 'admin',
        address: '127.0.0.1',
        action: 'user.create',
        target: 'ada',
        outcome: 'succeeded',
        clientRequestId: 'make-ada',
        detail: 'role: viewer',
      }),
    ]);
  });

  it('records log-ins that failed and those that did not', async () => {
    await gateway.call('POST', '/api/v1/auth/login', { body: { username: 'mallory', password: 'guess' } });
    const { items } = await read('?action=auth.login&outcome=refused');
    // What was typed as a name may be a password.
    expect(items[0]).toMatchObject({ actor: '-', code: 'unauthenticated' });
    expect(JSON.stringify(items)).not.toContain('mallory');
    await gateway.call('POST', '/api/v1/auth/login', { body: { username: 'admin', password: 'guess' } });
    expect((await read('?action=auth.login&outcome=refused')).items[0]).toMatchObject({ actor: '-', target: 'admin' });
    await gateway.login();
    expect((await read('?action=auth.login&outcome=succeeded')).items[0]).toMatchObject({ actor: 'admin' });
    expect(JSON.stringify(await read())).not.toContain('guess');
  });

  it('records what was refused, with the code', async () => {
    const { username, token: viewer } = await gateway.signUp('viewer');
    await gateway.call('POST', '/api/v1/users', {
      token: viewer,
      body: { username: 'eve', role: 'admin', password: adminPassword },
    });
    await gateway.call('GET', '/api/v1/audit', { token: viewer });
    await gateway.call('DELETE', '/api/v1/tokens/5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90', { token: viewer });
    const { items } = await read(`?actor=${username}&outcome=refused`);
    expect(items).toEqual([
      expect.objectContaining({
        action: 'token.delete',
        code: 'token-not-found',
        target: '5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90',
      }),
      expect.objectContaining({ action: 'GET /api/v1/audit', code: 'forbidden' }),
      expect.objectContaining({ action: 'user.create', code: 'forbidden' }),
    ]);
  });

  it('names the token that acted', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const make = async (name: string, scopes: string[]) =>
      (await gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token: admin, body: { name, scopes, expiresAt } }))
        .body;
    const robot = await make('robot', ['token:manage']);
    const { id } = await make('made-for-nothing', ['vm:read']);
    await gateway.call('DELETE', `/api/v1/tokens/${id}`, { token: robot.secret });
    const { items } = await read('?target=made-for-nothing&action=token.delete');
    expect(items[0]).toMatchObject({ actor: 'admin/robot', detail: expect.stringContaining('vm:read') });
  });

  it('completes the record of an operation once, with how it ended', async () => {
    const [audit, database] = [gateway.app.get(Audit), gateway.app.get(Database)];
    const operationId = '0198f2a4-7c11-7f0e-9d5e-3a1c5b7d9e02';
    const actor = { actor: 'admin', address: '::1', requestId: 'r1' };
    await database.transaction((manager) =>
      audit.record(manager, actor, { action: 'vm.start', outcome: 'accepted', target: 'kvm-lab1~4b2c', operationId }),
    );
    await database.transaction((manager) => audit.ended(manager, operationId, 'failed', 'host-rejected'));
    await database.transaction((manager) => audit.ended(manager, operationId, 'succeeded'));
    expect((await read(`?operationId=${operationId}`)).items).toEqual([
      expect.objectContaining({ outcome: 'failed', code: 'host-rejected', target: 'kvm-lab1~4b2c' }),
    ]);
  });

  it('reads the newest first, part by part, within times', async () => {
    const [audit, database] = [gateway.app.get(Audit), gateway.app.get(Database)];
    const actor = { actor: 'pager', address: '::1', requestId: 'r' };
    const from = new Date().toISOString();
    for (let count = 0; count < 7; count++) {
      await database.transaction((manager) =>
        audit.record(manager, actor, { action: 'test', outcome: 'succeeded', target: `${count}` }),
      );
    }
    const targets: (string | undefined)[] = [];
    let cursor = '';
    do {
      const page = await read(`?actor=pager&limit=3&from=${from}${cursor && `&cursor=${cursor}`}`);
      targets.push(...page.items.map(({ target }) => target));
      cursor = page.nextCursor ?? '';
    } while (cursor);
    expect(targets).toEqual(['6', '5', '4', '3', '2', '1', '0']);
    expect((await read(`?actor=pager&to=${from}`)).items).toEqual([]);
    expect((await read('?actor=pager&from=2999-01-01T00:00:00Z')).items).toEqual([]);
  });

  it.each(['from=yesterday', 'outcome=lost', 'operationId=7', 'actor=', 'sort=at'])('refuses %s', async (query) => {
    const answer = await gateway.call('GET', `/api/v1/audit?${query}`, { token: admin });
    expect(problemIn(answer)).toMatchObject({ code: 'invalid-input', errors: [{ pointer: query.split('=')[0] }] });
  });
});
