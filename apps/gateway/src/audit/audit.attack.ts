import { beforeEach, afterEach, describe, expect, it } from '@jest/globals';
import type { AuditRecord, AuditVerdict, CreatedToken, Page, TokenPair } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.ts';
import { adminPassword, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { AuditHeadEntity, AuditLinkEntity } from './audit-chain.entity.ts';
import { hashOf } from './audit-chain.ts';
import { digestOf } from './audit-digest.ts';
import { AuditEntity } from './audit.entity.ts';

describe('somebody who would rather not have been here', () => {
  let gateway: TestGateway;
  let admin: string;
  beforeEach(async () => {
    gateway = await startTestGateway();
    admin = (await gateway.login()).accessToken;
    for (const name of ['one', 'two', 'three'])
      await gateway.call('POST', '/api/v1/users', {
        token: admin,
        body: { username: name, password: adminPassword, role: 'viewer' },
      });
  });
  afterEach(() => gateway.stop());

  const verdict = async () => (await gateway.call<AuditVerdict>('GET', '/api/v1/audit/verify', { token: admin })).body;
  const kindsOf = ({ faults }: AuditVerdict) => [...new Set(faults.map(({ kind }) => kind))];
  const tamper = (work: (manager: EntityManager) => Promise<unknown>) => gateway.app.get(Database).transaction(work);
  const read = async (query = '') =>
    (await gateway.call<Page<AuditRecord>>('GET', `/api/v1/audit?limit=200${query}`, { token: admin })).body.items;

  it('is found out, whatever of the audit is changed, removed or added', async () => {
    const database = gateway.app.get(Database);
    expect(await verdict()).toMatchObject({ intact: true, records: 4, links: 4, unlinked: 0, faults: [] });
    const records = await database.repository(AuditEntity).find({ order: { id: 'ASC' } });
    const [, second] = records as [AuditEntity, AuditEntity];
    const last = records.at(-1)!;
    const restore = async () => {
      await tamper((manager) => manager.upsert(AuditEntity, records, ['id']));
    };
    const changes: Partial<AuditEntity>[] = [
      { actor: 'somebody' },
      { at: second.at + 1 },
      { address: '::2' },
      { action: 'user.delete' },
      { target: null },
      { detail: 'role: admin' },
      { outcome: 'refused' },
      { code: 'forbidden' },
      { requestId: 'x' },
      { clientRequestId: 'x' },
      { operationId: second.id },
    ];
    // A field that is added to the table is one that this has to change.
    expect(new Set(changes.flatMap((change) => Object.keys(change)))).toEqual(
      new Set(Object.keys(second).filter((name) => !['id', 'sequence', 'signature'].includes(name))),
    );
    for (const change of changes) {
      await tamper((manager) => manager.update(AuditEntity, { id: second.id }, change));
      expect([change, kindsOf(await verdict())]).toEqual([change, ['changed']]);
      await restore();
    }
    for (const sequence of [null, 1, 4, 99]) {
      await tamper((manager) => manager.update(AuditEntity, { id: second.id }, { sequence }));
      expect([sequence, (await verdict()).intact]).toEqual([sequence, false]);
      await restore();
    }
    for (const { id } of [second, last]) {
      await tamper((manager) => manager.delete(AuditEntity, { id }));
      expect(kindsOf(await verdict())).toEqual(['removed']);
      await restore();
    }
    for (const sequence of [null, last.sequence]) {
      await tamper((manager) => manager.insert(AuditEntity, { ...second, id: `${second.id.slice(0, -1)}x`, sequence }));
      expect(kindsOf(await verdict())).toEqual(['unlinked']);
      await tamper((manager) => manager.delete(AuditEntity, { id: `${second.id.slice(0, -1)}x` }));
    }
    expect((await verdict()).intact).toBe(true);
  });

  it('is found out who removes a record together with its link, or the end of the chain', async () => {
    expect((await verdict()).intact).toBe(true);
    const database = gateway.app.get(Database);
    const records = await database.repository(AuditEntity).find({ order: { id: 'ASC' } });
    const last = records.at(-1)!;
    await tamper(async (manager) => {
      await manager.delete(AuditEntity, { id: last.id });
      await manager.delete(AuditLinkEntity, { recordId: last.id });
    });
    expect(kindsOf(await verdict())).toContain('chain');
    const end = await database.repository(AuditLinkEntity).findOneByOrFail({ sequence: records.length - 1 });
    await tamper((manager) => manager.update(AuditHeadEntity, { id: 1 }, { sequence: end.sequence, hash: end.hash }));
    expect(kindsOf(await verdict())).toEqual(['head']);
    // What is recorded afterwards does not make it good.
    await gateway.login();
    expect(kindsOf(await verdict())).toEqual(['head']);
  });

  it('is found out who changes the link together with the record, and makes as much of the chain anew as can be made without a key', async () => {
    // By then all are linked.
    expect((await verdict()).intact).toBe(true);
    const database = gateway.app.get(Database);
    const [, second] = (await database.repository(AuditEntity).find({ order: { id: 'ASC' } })) as [
      unknown,
      AuditEntity,
    ];
    const links = await database.repository(AuditLinkEntity).find({ order: { sequence: 'ASC' } });
    const forged = { ...second, actor: 'somebody' };
    const at = links.findIndex(({ recordId }) => recordId === second.id);
    const anew = links.map((link) => ({ ...link }));
    anew[at]!.digest = digestOf(forged);
    await tamper((manager) => manager.update(AuditEntity, { id: second.id }, { actor: 'somebody' }));
    await tamper((manager) => manager.save(AuditLinkEntity, anew));
    expect(kindsOf(await verdict())).toEqual(['chain']);
    // Every link follows from the one before again.
    for (let n = at; n < anew.length; n++) {
      const { sequence, recordId, digest } = anew[n]!;
      anew[n]!.hash = hashOf(anew[n - 1]?.hash ?? '', sequence, recordId, digest);
    }
    await tamper((manager) => manager.save(AuditLinkEntity, anew));
    expect(kindsOf(await verdict())).toEqual(['head']);
    await tamper((manager) => manager.update(AuditHeadEntity, { id: 1 }, { hash: anew.at(-1)!.hash }));
    expect(kindsOf(await verdict())).toEqual(['head']);
  });

  it('is written down at each log-in, renewal and logout, and with every use of a token from a new address', async () => {
    const { accessToken: token, refreshToken } = await gateway.login('one');
    const renewed = (await gateway.call<TokenPair>('POST', '/api/v1/auth/refresh', { body: { refreshToken } })).body;
    const body = { name: 'ci', scopes: ['token:manage'], expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    const { secret, id } = (await gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token, body })).body;
    for (let count = 0; count < 3; count++) await gateway.call('GET', '/api/v1/auth/me', { token: secret });
    await gateway.call('DELETE', `/api/v1/tokens/${id}`, { token });
    await gateway.call('GET', '/api/v1/auth/me', { token: secret });
    await gateway.call('GET', '/api/v1/auth/me', { token: 'pv_made-up' });
    await gateway.call('GET', '/api/v1/auth/me', { token: 'not.a.token' });
    await gateway.call('POST', '/api/v1/auth/logout', { body: { refreshToken: renewed.refreshToken } });
    const said = (await read()).map(({ actor, action, outcome, code }) =>
      `${actor} ${action} ${outcome} ${code ?? ''}`.trim(),
    );
    expect(said.reverse().slice(4)).toEqual([
      'one auth.login succeeded',
      'one auth.refresh succeeded',
      'one token.create succeeded',
      'one/ci token.use succeeded',
      'one token.delete succeeded',
      '- auth.token refused unauthenticated',
      '- auth.token refused unauthenticated',
      '- auth.token refused unauthenticated',
      'one auth.logout succeeded',
    ]);
    expect((await read('&action=token.create'))[0]).toMatchObject({
      target: 'ci',
      detail: expect.stringContaining('token:manage'),
    });
  });

  it('cannot fill the audit with what is nobody’s act', async () => {
    for (let count = 0; count < 200; count++) await gateway.call('GET', '/api/v1/auth/me', { token: `pv_${count}` });
    expect((await read('&action=auth.token')).length).toBeLessThanOrEqual(60);
  });

  it('cannot pass a request off as that of somebody else', async () => {
    const headers = { 'x-request-id': 'the-one-of-the-victim' };
    const answer = await gateway.call('GET', '/api/v1/audit', { token: admin, headers });
    expect(answer.headers['x-request-id']).not.toBe('the-one-of-the-victim');
  });

  it('is in the export, which is what there is, line by line', async () => {
    const answer = await gateway.call('GET', '/api/v1/audit/export', { token: admin });
    expect(answer.headers['content-type']).toContain('application/x-ndjson');
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditRecord);
    expect(lines).toEqual((await read()).reverse());
    expect(lines.at(-1)!.action).toBe('audit.export');
  });
});
