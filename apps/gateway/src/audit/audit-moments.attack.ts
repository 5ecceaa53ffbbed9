import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditVerdict } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { AuditLinkEntity } from './audit-chain.entity.ts';
import { AuditLinker } from './audit-linker.ts';
import { AuditEntity } from './audit.entity.ts';
import { Audit } from './audit.ts';

const actor = { actor: 'mallory', address: '::1', requestId: 'r' };

describe('somebody who is at the database before the chain is', () => {
  let gateway: TestGateway;
  let token: string;
  beforeEach(async () => {
    // Nothing is linked until it is asked for: the moment lasts as long as the attack takes.
    gateway = await startTestGateway({ times: { auditLinkMs: 3_600_000, auditLookMs: 3_600_000 } });
    token = (await gateway.login()).accessToken;
  });
  afterEach(() => gateway.stop());

  const tamper = (work: (manager: EntityManager) => Promise<unknown>) => gateway.app.get(Database).transaction(work);
  const verdict = async () => (await gateway.call<AuditVerdict>('GET', '/api/v1/audit/verify', { token })).body;
  const faults = async () => (await verdict()).faults.map(({ kind, recordId }) => `${kind} ${recordId}`);
  const find = (where: { action: string }) => gateway.app.get(Database).repository(AuditEntity).findOneByOrFail(where);
  const note = async (action: string, operationId?: string) => {
    const entry = { action, outcome: operationId ? 'accepted' : 'succeeded', operationId } as const;
    await tamper((manager) => gateway.app.get(Audit).record(manager, actor, entry));
    return find({ action });
  };
  const end = (operationId: string) =>
    tamper((manager) => gateway.app.get(Audit).ended(manager, operationId, 'succeeded'));
  /** What a gateway does after another one was killed. */
  const look = () => gateway.app.get(AuditLinker).onApplicationBootstrap();

  it('is missed what they remove, and found what they change', async () => {
    const [removed, changed, unsigned] = [await note('vm.delete'), await note('vm.create'), await note('vm.start')];
    await tamper((manager) => manager.delete(AuditEntity, { id: removed.id }));
    await tamper((manager) => manager.update(AuditEntity, { id: changed.id }, { actor: 'admin' }));
    await tamper((manager) => manager.update(AuditEntity, { id: unsigned.id }, { actor: 'admin', signature: null }));
    const expected = [`removed ${removed.id}`, `changed ${changed.id}`, `changed ${unsigned.id}`];
    expect(await faults()).toEqual(expected);
    await look();
    expect(await faults()).toEqual(expected);
  });

  it('is found what they add, whatever signature they give it', async () => {
    const [first, second] = [await note('vm.create'), await note('vm.delete')];
    const forged = [null, '', 'x', `.${'0'.repeat(64)}`, first.signature, second.signature].map((signature) => ({
      ...second,
      ...{ id: uuidV7(), signature },
    }));
    for (const record of forged) await tamper((manager) => manager.insert(AuditEntity, record));
    const expected = forged.map(({ id }) => `unlinked ${id}`);
    expect(await faults()).toEqual(expected);
    await look();
    expect(await faults()).toEqual(expected);
  });

  it('cannot have the end of an operation put right what they changed before it', async () => {
    const operations = [uuidV7(), uuidV7(), uuidV7()] as const;
    const linked = await note('vm.start', operations[0]);
    await gateway.app.get(AuditLinker).link();
    const [unlinked, left] = [await note('vm.stop', operations[1]), await note('vm.delete', operations[2])];
    for (const { id } of [linked, unlinked, left])
      await tamper((manager) => manager.update(AuditEntity, { id }, { actor: 'admin' }));
    for (const operation of operations) await end(operation);
    const expected = [`changed ${linked.id}`, `changed ${unlinked.id}`, `changed ${left.id}`];
    expect(await faults()).toEqual(expected);
    await look();
    expect(await faults()).toEqual(expected);
  });

  it('cannot have it put right at its end either when the gateway that wrote it was killed', async () => {
    const operation = uuidV7();
    const left = await note('vm.delete', operation);
    // With a gateway goes what it remembers of what it wrote.
    Object.assign(gateway.app.get(AuditLinker), { written: [] });
    await tamper((manager) => manager.update(AuditEntity, { id: left.id }, { actor: 'admin' }));
    await end(operation);
    for (const again of [() => Promise.resolve(), look]) {
      await again();
      expect(await faults()).toEqual([`unlinked ${left.id}`]);
    }
  });

  it('cannot put back what a record said before its operation ended', async () => {
    const operation = uuidV7();
    const accepted = await note('vm.start', operation);
    await gateway.app.get(AuditLinker).link();
    await end(operation);
    expect(await faults()).toEqual([]);
    expect(await gateway.app.get(Database).repository(AuditLinkEntity).countBy({ recordId: accepted.id })).toBe(2);
    for (const sequence of [null, (await find({ action: 'auth.login' })).sequence]) {
      await tamper((manager) => manager.upsert(AuditEntity, { ...accepted, sequence }, ['id']));
      await look();
      expect(await faults()).toContain(`changed ${accepted.id}`);
      expect(await gateway.app.get(Database).repository(AuditLinkEntity).countBy({ recordId: accepted.id })).toBe(2);
    }
  });
});
