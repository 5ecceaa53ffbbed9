import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { AuditVerdict } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { onEveryDatabase } from '../testing/on-every-database.ts';
import { startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { AuditHeadEntity, AuditLinkEntity } from './audit-chain.entity.ts';
import { AuditChain } from './audit-chain.ts';
import { AuditLinker } from './audit-linker.ts';
import { AuditEntity } from './audit.entity.ts';
import { Audit } from './audit.ts';

const actor = { actor: 'ada', address: '::1', requestId: 'r' };
const never = { auditLinkMs: 3_600_000, auditLookMs: 3_600_000 };

onEveryDatabase('the chain of the audit', (fresh) => {
  const gateways: TestGateway[] = [];
  let POLYVIRT_DATABASE_URL: string;
  const start = async (times = never) => {
    const gateway = await startTestGateway({ environment: { POLYVIRT_DATABASE_URL }, times });
    gateways.push(gateway);
    return gateway;
  };
  beforeEach(async () => {
    POLYVIRT_DATABASE_URL = await fresh();
  });
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway.stop();
  });

  /** Two gateways of one process that wait for the file of SQLite would wait for each other: there it is one after the other. */
  const together = async (works: (() => Promise<void>)[]) => {
    if (POLYVIRT_DATABASE_URL.startsWith('mysql')) await Promise.all(works.map((work) => work()));
    else for (const work of works) await work();
  };
  const verdict = async (gateway: TestGateway) => {
    const { accessToken: token } = await gateway.login();
    return (await gateway.call<AuditVerdict>('GET', '/api/v1/audit/verify', { token })).body;
  };
  const record = (gateway: TestGateway, operationId = uuidV7()) =>
    gateway.app.get(Database).transaction(async (manager) => {
      await gateway.app.get(Audit).record(manager, actor, { action: 'vm.start', outcome: 'accepted', operationId });
      return operationId;
    });
  const end = (gateway: TestGateway, operationId: string) =>
    gateway.app.get(Database).transaction((manager) => gateway.app.get(Audit).ended(manager, operationId, 'succeeded'));

  it('is one, whoever links at the same time, ends what another began or links what another is about to', async () => {
    const [one, two] = [await start(), await start()];
    const link = (gateway: TestGateway) => () => gateway.app.get(AuditLinker).link();
    const look = (gateway: TestGateway) => () => gateway.app.get(AuditLinker).onApplicationBootstrap();
    for (let round = 0; round < 3; round++) {
      const begun: string[] = [];
      const begin = (gateway: TestGateway) => async () => void begun.push(await record(gateway));
      await together([one, two, one, two, two].map(begin));
      // Some are linked before they end, and each is ended by both.
      if (round !== 1) await together([link(one), look(two), link(two)]);
      await together(begun.flatMap((id) => [() => end(one, id), link(two), () => end(two, id), look(one)]));
      await together([look(two), link(one), look(one), link(two)]);
      expect(await verdict(round === 1 ? two : one)).toMatchObject({ intact: true, faults: [] });
    }
    await link(two)();
    expect(await verdict(one)).toMatchObject({ intact: true, unlinked: 0 });
    const database = one.app.get(Database);
    const links = await database.repository(AuditLinkEntity).find({ order: { sequence: 'ASC' } });
    expect(links.map(({ sequence }) => sequence)).toEqual(links.map((_, n) => n + 1));
    const ended = await database.repository(AuditEntity).findBy({ action: 'vm.start' });
    expect(new Set(ended.map(({ outcome, signature }) => `${outcome} ${signature}`))).toEqual(
      new Set(['succeeded null']),
    );
  });

  it('has a link for all that was committed, and none for what was rolled back, within moments', async () => {
    const gateway = await start({ auditLinkMs: 20, auditLookMs: 20 });
    const { app } = gateway;
    await Promise.allSettled(
      Array.from({ length: 250 }, (_, n) =>
        app.get(Database).transaction(async (manager) => {
          await app.get(Audit).record(manager, actor, { action: 'vm.start', outcome: 'succeeded', target: `${n}` });
          if (n % 3 === 0) throw new Error('on purpose');
        }),
      ),
    );
    const { intact, records, links, unlinked } = await verdict(gateway);
    expect({ intact, records, links, unlinked }).toEqual({ intact: true, records: 167, links: 167, unlinked: 0 });
  });

  it('is whole after a death between any two statements', async () => {
    const dying = await start();
    const { app } = dying;
    const written = await Promise.all([record(dying), record(dying), record(dying)]);
    const records = await app
      .get(Database)
      .repository(AuditEntity)
      .find({ order: { id: 'ASC' } });
    let statements = 0;
    for (let died = true; died;) {
      let left = statements;
      const mortal = (manager: EntityManager) =>
        new Proxy(manager, {
          get(target, name) {
            const member = Reflect.get(target, name) as unknown;
            if (typeof member !== 'function') return member;
            return (...given: unknown[]) => {
              if (left-- <= 0) throw new Error('killed');
              return member.apply(target, given) as unknown;
            };
          },
        });
      died = await app
        .get(Database)
        .transaction((manager) => app.get(AuditChain).append(mortal(manager), records))
        .then(() => false)
        .catch((error: Error) => error.message === 'killed');
      if (died) statements += 1;
      const head = await app.get(Database).repository(AuditHeadEntity).findOneByOrFail({ id: 1 });
      expect(head.sequence).toBe(died ? 0 : records.length);
    }
    expect(statements).toBeGreaterThan(4);
    // One that was killed right after a commit has left its records to the next one.
    await Promise.all(written.map((id) => end(dying, id)));
    const { unlinked } = await verdict(await start());
    expect(unlinked).toBe(0);
    expect(await verdict(dying)).toMatchObject({ intact: true, faults: [] });
  });
});
