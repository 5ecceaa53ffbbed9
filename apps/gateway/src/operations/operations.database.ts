import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import {
  operationCancelled,
  operationFailed,
  operationProgressed,
  operationStarted,
  operationSucceeded,
  streams,
  subjects,
  type CloudEvent,
  type Host,
  type MinuteRollup,
  type Operation,
} from '@polyvirt/contracts';
import { AuditEntity } from '../audit/audit.entity.ts';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { EventCursorEntity } from '../events/event-cursor.entity.ts';
import { streamEventOf, type StreamEvent } from '../events/stream-event.ts';
import { AnnotationEntity } from '../inventory/annotation.entity.ts';
import { Rollups } from '../metrics/rollups.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { onEveryDatabase } from '../testing/on-every-database.ts';
import { TestHouse } from '../testing/test-house.ts';
import { OperationLockEntity } from './operation-lock.entity.ts';
import { OperationEntity } from './operation.entity.ts';
import { OperationProjector } from './operation.projector.ts';
import { Operations } from './operations.ts';

const author = { actor: 'ada/ci', address: '::1', requestId: 'r', traceparent: '' };
const definitions = {
  pending: operationStarted,
  started: operationStarted,
  running: operationProgressed,
  succeeded: operationSucceeded,
  failed: operationFailed,
  cancelled: operationCancelled,
};

onEveryDatabase('what gateways write', (fresh) => {
  let house: TestHouse;
  let agent: FakeAgent;
  let database: Database;

  beforeEach(async () => {
    house = await TestHouse.start({ databaseUrl: await fresh() });
    agent = await house.startAgent();
    database = house.gateway.app.get(Database);
    await eventually(async () => {
      expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready');
    });
  }, 60_000);
  afterEach(() => house.stop(), 60_000);

  const newVm = async (nativeId: string) => {
    await agent.show(nativeId);
    for (const gateway of house.gateways)
      await eventually(async () =>
        expect((await house.call('GET', `/vms/kvm-a~${nativeId}`, undefined, {}, gateway)).status).toBe(200),
      );
    return `kvm-a~${nativeId}`;
  };

  /** An operation as `ask` leaves it, of which no agent knows. */
  const asked = async (annotation: object | null = null) => {
    const operations = house.gateway.app.get(Operations);
    const operation: Operation = {
      id: uuidV7(),
      verb: 'vm.create',
      status: 'pending',
      host: 'kvm-a',
      progress: 0,
      steps: [],
      requestedBy: author.actor,
      createdAt: '2026-11-21T10:00:00.000Z',
    };
    await database.transaction(async (manager) => {
      const columns = { annotation: annotation && JSON.stringify(annotation), notAfter: 4_000_000_000_000 };
      await operations.insert(manager, operation, author, columns);
      await manager.update(OperationEntity, { id: operation.id }, { publishedAt: 1 });
      await manager.insert(OperationLockEntity, { key: operation.id.padEnd(64, '0'), operationId: operation.id });
      await operations.accept(manager, operation, author, 'x');
    });
    return operation;
  };
  const told = (operation: Operation, change: Partial<Operation>, host = 'kvm-a'): StreamEvent => {
    const after = { ...operation, ...change };
    const event: CloudEvent = {
      specversion: '1.0',
      id: 'e',
      source: `/hosts/${host}/agent`,
      type: definitions[after.status].name,
      subject: operation.id,
      time: '2026-11-21T10:00:00Z',
      datacontenttype: 'application/json',
      data: { operation: after },
    };
    return streamEventOf(1, host, event);
  };
  const project = (...events: StreamEvent[]) =>
    database.transaction((manager) => house.gateway.app.get(OperationProjector).project(manager, events));
  const row = (id: string) => database.repository(OperationEntity).findOneByOrFail({ id });

  it('is the same for events in any order, twice or with some missing', async () => {
    const at = '2026-11-21T10:00:01.000Z';
    const step = { name: 'define the domain 🖥', status: 'running' as const, startedAt: at };
    const life = (operation: Operation) => [
      told(operation, { status: 'running', startedAt: at }),
      told(operation, { status: 'running', startedAt: at, progress: 50, steps: [step] }),
      told(operation, {
        ...{ status: 'succeeded', startedAt: at, endedAt: at, progress: 100, changed: true },
        ...{ steps: [{ ...step, status: 'succeeded' }], result: { vmId: `kvm-a~${operation.id}` } },
      }),
    ];
    const orders = [[0, 1, 2], [2, 1, 0], [2], [0, 0, 1, 1, 2, 2], [1, 2, 0, 2]];
    const ends: unknown[] = [];
    for (const order of orders) {
      const operation = await asked({ labels: { order: 'x' } });
      const events = life(operation);
      // Each in a transaction of its own, as different gateways might.
      for (const n of order) await project(events[n]!);
      const { id, ...rest } = await row(operation.id);
      ends.push(JSON.parse(JSON.stringify(rest).replaceAll(id, 'ID')));
      expect(await database.repository(OperationLockEntity).countBy({ operationId: id })).toBe(0);
      const audits = await database.repository(AuditEntity).findBy({ operationId: id });
      expect(audits.map(({ outcome }) => outcome)).toEqual(['succeeded']);
      const notes = await database.repository(AnnotationEntity).findBy({ vmId: `kvm-a~${id}` });
      expect(notes.map(({ labels, version }) => [labels, version])).toEqual([['{"order":"x"}', 1]]);
    }
    expect(ends).toEqual(orders.map(() => ends[0]));
    expect(ends[0]).toMatchObject({ status: 'succeeded', requestedBy: 'ada/ci' });
  }, 60_000);

  it('keeps to the first end, and to what the host itself says', async () => {
    const operation = await asked();
    await project(told(operation, { status: 'succeeded', progress: 100 }, 'kvm-b'));
    await project(told(operation, { status: 'succeeded', progress: 100, vmId: 'kvm-b~1' }));
    expect((await row(operation.id)).status).toBe('pending');
    await project(told(operation, { status: 'cancelled' }), told(operation, { status: 'succeeded' }));
    expect((await row(operation.id)).status).toBe('cancelled');
  }, 60_000);

  it('takes in operations of a database that was lost, and nothing that does not fit a row', async () => {
    const id = uuidV7();
    const unknown: Operation = {
      ...{ id, verb: 'vm.start', status: 'failed', host: 'kvm-a', vmId: 'kvm-a~1', progress: 0, steps: [] },
      ...{ requestedBy: 'ada', createdAt: '2026-11-21T10:00:00Z' },
    };
    await project(told(unknown, {}), told({ ...unknown, id: uuidV7() }, { requestedBy: 'x'.repeat(500) }));
    expect(await row(id)).toMatchObject({ status: 'failed', vmId: 'kvm-a~1' });
    expect(await database.repository(OperationEntity).count()).toBe(1);
  }, 60_000);

  it('lets one of two gateways have a VM, and one of two edits win', async () => {
    const second = await house.startGateway();
    const vm = await newVm('race');
    const gate = agent.hold('vm.start');
    const both = () => house.gateways.flatMap((gateway) => [gateway, gateway]);
    const starts = await Promise.all(both().map((gateway) => house.call('POST', `/vms/${vm}/start`, {}, {}, gateway)));
    expect(starts.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409]);
    gate.release();
    for (const gateway of [house.gateway, second])
      await eventually(async () => expect((await house.vm(vm, gateway)).state).toBe('running'));
    const { headers } = await house.call('GET', `/vms/${vm}`);
    const edits = await Promise.all(
      both().map((gateway, n) =>
        house.call('PATCH', `/vms/${vm}`, { notes: `edit ${n}` }, { 'if-match': headers.etag! }, gateway),
      ),
    );
    expect(edits.map(({ status }) => status).sort()).toEqual([202, 412, 412, 412]);
    const notes = `edit ${edits.findIndex(({ status }) => status === 202)}`;
    for (const gateway of house.gateways)
      await eventually(async () => expect((await house.vm(vm, gateway)).notes).toBe(notes));
  }, 60_000);

  it('holds texts of any length and script, and names that differ in a byte', async () => {
    const vm = await newVm('Texts');
    const other = await newVm('texts');
    const notes = '🖥 é ' + 'x'.repeat(16_000);
    await house.call('PATCH', `/vms/${vm}`, { notes, labels: { key: 'значение 🖥' } });
    expect(await house.vm(vm)).toMatchObject({ notes, labels: { key: 'значение 🖥' } });
    expect(await house.vm(other)).toMatchObject({ notes: '', labels: {} });
    const userData = `#cloud-config\n${'y'.repeat(65_000)}`;
    const { body } = await house.ask('POST', '/vms', { host: 'kvm-a', name: '🖥'.repeat(80), cloudInit: { userData } });
    expect(body.status).toBe('succeeded');
  }, 60_000);

  it('keeps each minute of a VM once, whichever gateways write it and in whatever order', async () => {
    await house.startGateway();
    const rollups = house.gateways.map(({ app }) => app.get(Rollups));
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000;
    const minute = (n: number): MinuteRollup => ({
      host: 'kvm-a',
      minute: new Date(hour + n * 60_000).toISOString(),
      vms: Array.from({ length: 25 }, (_, vm) => ({
        vmId: `kvm-a~${(vm * 7) % 25}`,
        samples: 12,
        cpuPercent: { average: n, maximum: n },
      })),
    });
    const all = Array.from({ length: 40 }, (_, n) => n);
    await Promise.all([...all, ...all].map((n, turn) => rollups[turn % 2]!.keep(minute(n))));
    const points = await rollups[0]!.history('kvm-a~3', hour, hour + 3_600_000, 60_000);
    expect(points.map(({ cpuPercent }) => cpuPercent!.average)).toEqual(all);
    await rollups[0]!.forget(hour + 3_600_000);
    expect(await rollups[0]!.history('kvm-a~3', hour, hour + 3_600_000, 60_000)).toEqual([]);
  }, 60_000);

  it('moves the cursor with what it projects', async () => {
    const vm = await newVm('cursor');
    const { body } = await house.ask('POST', `/vms/${vm}/start`);
    expect(body.status).toBe('succeeded');
    const position = async () =>
      (await database.repository(EventCursorEntity).findOneByOrFail({ name: 'projections' })).position;
    const projected = await position();
    const stream = (await house.connect('admin')).manager.streams;
    const last_by_subj = subjects.event('kvm-a', operationSucceeded.name);
    expect(projected).toBeGreaterThanOrEqual((await stream.getMessage(streams.events.name, { last_by_subj }))!.seq);
    // That the host has come may be told behind that.
    await eventually(async () =>
      expect(await position()).toBe((await stream.info(streams.events.name)).state.last_seq),
    );
  }, 60_000);
});
