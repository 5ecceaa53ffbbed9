import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { makeEvent, publishEvent } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import {
  archiveUpdated,
  streams,
  type Archive,
  type ConsoleTicket,
  type Host,
  type Operation,
  type Page,
  type Problem,
} from '@polyvirt/contracts';
import { In } from 'typeorm';
import { ArchiveEntity } from '../archives/archive.entity.ts';
import { ConsoleTicketEntity } from '../console/console-ticket.entity.ts';
import { ConsoleTickets } from '../console/console-tickets.ts';
import { Database } from '../database/database.ts';
import { EventCursorEntity } from '../events/event-cursor.entity.ts';
import { AnnotationEntity } from '../inventory/annotation.entity.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { onEveryDatabase } from '../testing/on-every-database.ts';
import { TestHouse } from '../testing/test-house.ts';
import { BatchEntity } from './batch.entity.ts';
import { OperationLockEntity } from './operation-lock.entity.ts';

onEveryDatabase('two gateways that do the same at once', (fresh) => {
  let house: TestHouse;
  let agent: FakeAgent;
  let database: Database;
  let count = 0;

  beforeAll(async () => {
    house = await TestHouse.start({ databaseUrl: await fresh() });
    await house.startGateway();
    agent = await house.startAgent();
    database = house.gateway.app.get(Database);
    for (const gateway of house.gateways)
      await eventually(async () =>
        expect((await house.call<Host>('GET', '/hosts/kvm-a', undefined, {}, gateway)).body.state).toBe('ready'),
      );
  }, 60_000);
  afterAll(() => house.stop(), 60_000);
  afterEach(() => {
    for (const gate of agent.gates.values()) gate.release();
    agent.gates.clear();
  });

  const newVms = async (many: number) => {
    const ids = Array.from({ length: many }, () => `race-${++count}`);
    for (const id of ids) await agent.show(id);
    for (const gateway of house.gateways)
      await eventually(async () =>
        expect((await house.call('GET', `/vms/kvm-a~${ids.at(-1)}`, undefined, {}, gateway)).status).toBe(200),
      );
    return ids.map((id) => `kvm-a~${id}`);
  };
  /** The same request at each gateway, `times` at once. */
  const everywhere = <Body>(times: number, method: string, path: string, bodyOf: (n: number) => unknown) =>
    Promise.all(
      Array.from({ length: times }, (_, n) => house.call<Body>(method, path, bodyOf(n), {}, house.gateways[n % 2]!)),
    );
  const noLocks = () =>
    eventually(async () => expect(await database.repository(OperationLockEntity).count()).toBe(0), 20_000);
  const ended = (id: string) =>
    eventually(async () => {
      const { body } = await house.call<Operation>('GET', `/operations/${id}`);
      expect(body.endedAt).toBeDefined();
    });

  it('make one VM of a name, however it is spelt, and of other names one each', async () => {
    const gate = agent.hold('vm.create');
    const spellings = ['Édith', 'e\u0301dith', 'ÉDITH', 'E\u0301DITH'];
    const others = ['edith', 'Édith ', 'Édit', 'Édith~'].map((name) => name.trim() + name.length);
    const [same, apart] = await Promise.all([
      everywhere<Problem>(8, 'POST', '/vms', (n) => ({ host: 'kvm-a', name: spellings[n % 4] })),
      everywhere(4, 'POST', '/vms', (n) => ({ host: 'kvm-a', name: others[n] })),
    ]);
    expect(apart.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(same.map(({ status }) => status).sort()).toEqual([202, ...Array<number>(7).fill(409)]);
    const winner = same.find(({ status }) => status === 202)!.body as unknown as Operation;
    for (const { status, body } of same)
      if (status === 409) expect(body).toMatchObject({ code: 'name-taken', operationId: winner.id });
    gate.release();
    await noLocks();
  }, 60_000);

  it('let one operation have a VM, for each of many VMs', async () => {
    const vms = await newVms(8);
    const gate = agent.hold('vm.start');
    const answers = await Promise.all(vms.map((vm) => everywhere<Problem>(4, 'POST', `/vms/${vm}/start`, () => ({}))));
    for (const of of answers) {
      expect(of.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409]);
      const { id } = of.find(({ status }) => status === 202)!.body as unknown as Operation;
      for (const { status, body } of of)
        if (status === 409) expect(body).toMatchObject({ code: 'vm-busy', operationId: id });
    }
    gate.release();
    await noLocks();
    expect(agent.done.filter((verb) => verb === 'vm.start')).toHaveLength(8);
  }, 60_000);

  it('count every edit of one VM, and show the last of them', async () => {
    const [vm] = await newVms(1);
    // Each differs from all others, as one that changes nothing does not count.
    const answers = await everywhere(30, 'PATCH', `/vms/${vm}`, (n) => ({
      ...(n % 3 === 0 ? { labels: { n: `${n}` } } : { notes: `edit ${n} 🖥` }),
      ...(n % 3 === 2 && { protected: n % 2 === 0 }),
    }));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(202));
    const row = await database.repository(AnnotationEntity).findOneByOrFail({ vmId: vm! });
    expect(row.version).toBe(30);
    expect(row.notes).toMatch(/^edit \d+ 🖥$/);
    for (const gateway of house.gateways)
      await eventually(async () =>
        expect(await house.vm(vm!, gateway)).toMatchObject({
          labels: JSON.parse(row.labels) as object,
          notes: row.notes,
          protected: row.protected,
        }),
      );
    // An edit of the past leaves nothing, not even a number.
    const stale = await house.call<Problem>('PATCH', `/vms/${vm}`, { notes: 'late' }, { 'if-match': '"1-1"' });
    expect(stale.body.code).toBe('stale-revision');
    expect((await database.repository(AnnotationEntity).findOneByOrFail({ vmId: vm! })).version).toBe(30);
  }, 60_000);

  it('ask of no VM twice in batches that they carry on in turns, even with a lease that is taken away', async () => {
    const vms = await newVms(24);
    const before = agent.done.length;
    const batches = await everywhere<Operation>(3, 'POST', '/vms/batch', (n) => ({
      ids: vms.slice(8 * n, 8 * n + 8),
      action: 'start',
      maxParallel: 2,
    }));
    for (let turn = 0; turn < 10; turn++) {
      const taken = { runner: `runner ${turn}`, leaseUntil: 0 };
      await database.transaction((manager) =>
        manager.update(BatchEntity, { id: In(batches.map(({ body }) => body.id)) }, taken),
      );
    }
    for (const { body } of batches) await ended(body.id);
    for (const { body } of batches) {
      const { body: batch } = await house.call<Operation>('GET', `/operations/${body.id}`);
      expect(batch).toMatchObject({ status: 'succeeded', result: { succeeded: 8, failed: 0, skipped: 0 } });
      const { body: parts } = await house.call<Page<Operation>>('GET', `/operations?parent=${body.id}&limit=100`);
      expect(new Set(parts.items.map(({ vmId }) => vmId)).size).toBe(8);
      expect(parts.items).toHaveLength(8);
    }
    expect(agent.done.length - before).toBe(24);
    await noLocks();
  }, 60_000);

  it('redeem a console ticket once, and forget those that nobody used', async () => {
    const [vm] = await newVms(1);
    await agent.show(vm!.split('~')[1]!, { state: 'running' });
    for (const gateway of house.gateways)
      await eventually(async () => expect((await house.vm(vm!, gateway)).state).toBe('running'));
    const issue = async () => {
      const { body } = await house.call<ConsoleTicket>('POST', `/vms/${vm}/console`);
      return new URL(body.url, 'http://house').searchParams.get('ticket')!;
    };
    // Two connections of one process to a SQLite file hold each other up: the one that waits stops both.
    const redeemers = database.engine === 'mysql' ? house.gateways : [house.gateway];
    const redeem = (ticket: string) =>
      Promise.allSettled(
        Array.from({ length: 8 }, (_, n) => redeemers[n % redeemers.length]!.app.get(ConsoleTickets).redeem(ticket)),
      );
    const outcomes = await redeem(await issue());
    const owner = { userId: expect.any(String), sessionId: expect.any(String), tokenId: null };
    expect(outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))).toEqual([
      { vmId: vm, kind: 'graphic', actor: 'admin', owner },
    ]);
    for (const one of outcomes)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'console-not-found' });

    const unused = await issue();
    await database.transaction((manager) =>
      manager.update(ConsoleTicketEntity, { vmId: vm! }, { expiresAt: Date.now() - 60_000 }),
    );
    expect((await redeem(unused)).every(({ status }) => status === 'rejected')).toBe(true);
    await issue();
    expect(await database.repository(ConsoleTicketEntity).count()).toBe(1);
  }, 60_000);

  it('keep the last that was told of each archive, and the place up to which it was', async () => {
    const bus = await house.connect('admin');
    const archive = (vm: number, turn: number): Archive => ({
      vmId: `kvm-a~archived-${vm}`,
      name: `web 🖥 ${vm}`,
      folder: `2026-11-21_web-${vm}`,
      path: `/srv/permanent_vms/2026-11-21_web-${vm}`,
      createdAt: `2026-11-21T10:00:${10 + vm}.000Z`,
      updatedAt: `2026-11-21T10:${10 + turn}:00.000Z`,
      files: [{ path: 'vm_files/disk.qcow2', bytes: 2 ** 45 }],
      history: Array.from({ length: 300 }, (_, n) => ({
        ...{ at: '2026-11-21T10:00:00.000Z', event: 'vm.renamed', by: 'ada' },
        detail: `Renamed from "${n}" to "🖥 é ${turn}".`,
      })),
    });
    const told: { sequence: number; archive: Archive }[] = [];
    for (let turn = 0; turn < 10; turn++)
      for (let vm = 0; vm < 6; vm++) {
        const one = archive(vm, turn);
        const event = makeEvent(archiveUpdated, {
          ...{ id: `archive-${vm}-${turn}`, source: '/hosts/kvm-a/organizer', subject: one.vmId },
          data: { archive: one },
        });
        const { sequence } = await publishEvent(bus, 'kvm-a', event);
        told.push({ sequence, archive: one });
      }
    const last = told.slice(-6);
    for (const gateway of house.gateways)
      await eventually(async () => {
        const { body } = await house.call<Page<Archive>>('GET', '/archives', undefined, {}, gateway);
        expect(body.items).toEqual(last.map((one) => one.archive).toReversed());
      });
    const rows = await database.repository(ArchiveEntity).find({ order: { vmId: 'ASC' } });
    expect(rows.map(({ sequence, archive }) => ({ sequence, archive: JSON.parse(archive) as Archive }))).toEqual(last);
    const { position } = await database.repository(EventCursorEntity).findOneByOrFail({ name: 'projections' });
    const { state } = await bus.manager.streams.info(streams.events.name);
    expect(position).toBeGreaterThanOrEqual(last.at(-1)!.sequence);
    expect(position).toBeLessThanOrEqual(state.last_seq);

    // What lies behind the cursor is not projected again by whoever starts.
    const marked = { archive: JSON.stringify({ ...last[0]!.archive, name: 'as the table has it' }) };
    await database.transaction((manager) => manager.update(ArchiveEntity, { vmId: last[0]!.archive.vmId }, marked));
    await house.withGateway(async (third) => {
      const { body } = await house.call<Archive>('GET', `/archives/${last[0]!.archive.vmId}`, undefined, {}, third);
      expect(body.name).toBe('as the table has it');
    });
  }, 60_000);
});
