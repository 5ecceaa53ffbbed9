import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Bus, makeEvent, openBucket, publishEvent, Pulse, readEvents } from '@polyvirt/bus';
import { eventually, type NatsServer } from '@polyvirt/bus/testing';
import {
  buckets,
  defaultBeginWithinSeconds,
  hostDraining,
  keys,
  operationSucceeded,
  ProblemError,
  streams,
  type Host,
  type Operation,
  type Page,
  type Problem,
  type StatsSummary,
} from '@polyvirt/contracts';
import { In } from 'typeorm';
import { z } from 'zod';
import type { AuditRecord } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { EventFeed } from '../events/event-feed.ts';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { OperationSweeper } from './operation-sweeper.ts';
import { OperationEntity } from './operation.entity.ts';
import { Operations } from './operations.ts';

const soon = (ms: number) => new Date(Date.now() + ms).toISOString();

describe('operations of a gateway', () => {
  let house: TestHouse<NatsServer>;
  let agent: FakeAgent;
  let count = 0;

  beforeAll(async () => {
    house = await TestHouse.startAlone({ hosts: ['kvm-a', 'kvm-b', 'kvm-gone'] });
    agent = await house.startAgent('kvm-a');
    await eventually(async () => expect(await stateOf('kvm-a')).toBe('ready'));
  });
  afterAll(() => house.stop());
  afterEach(() => agent.relax());

  const stateOf = async (host: string) => (await house.call<Host>('GET', `/hosts/${host}`)).body.state;
  const operation = async (id: string) => (await house.call<Operation>('GET', `/operations/${id}`)).body;
  const newVm = async (on = agent, change = {}) => {
    const nativeId = `op-${++count}`;
    await on.show(nativeId, change);
    const id = `${on.host}~${nativeId}`;
    await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
    return id;
  };
  const offlineAgent = async (host = 'kvm-gone') => {
    const gone = await house.startAgent(host);
    await eventually(async () => expect(await stateOf(host)).toBe('ready'));
    const id = await newVm(gone);
    gone.state = 'draining';
    await eventually(async () => expect(await stateOf(host)).toBe('draining'));
    await gone.end();
    return { gone, id };
  };

  /** Lets the time to begin be over, without waiting for it. */
  const letBeLate = (id: string) =>
    house.gateway.app
      .get(Database)
      .transaction((manager) => manager.update(OperationEntity, { id }, { notAfter: Date.now() - 60_000 }));

  it('cancels one that runs, through the agent that has it', async () => {
    const id = await newVm();
    const gate = agent.hold('vm.start');
    const { body } = await house.call<Operation>('POST', `/vms/${id}/start`);
    await eventually(async () => expect((await operation(body.id)).status).toBe('running'));
    await eventually(async () =>
      expect((await house.call<StatsSummary>('GET', '/stats/summary')).body.operations.running).toBe(1),
    );
    const cancelled = await house.ask('POST', `/operations/${body.id}/cancel`);
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    gate.release();
    const again = await house.call<Problem>('POST', `/operations/${body.id}/cancel`);
    expect([again.status, again.body.code]).toEqual([409, 'wrong-state']);
    expect((await house.vm(id)).operation).toBeUndefined();
  });

  it('says that it is to stop until it has, also of a batch', async () => {
    const id = await newVm();
    const gate = agent.hold('vm.start');
    const { body } = await house.call<Operation>('POST', `/vms/${id}/start`);
    await eventually(async () => expect((await operation(body.id)).status).toBe('running'));
    const asked = await house.call<Operation>('POST', `/operations/${body.id}/cancel`);
    expect(asked.body.cancelRequestedAt).toEqual(expect.any(String));
    gate.release();
    await eventually(async () => expect((await operation(body.id)).status).toBe('cancelled'));

    const held = agent.hold('vm.start');
    const batch = await house.call<Operation>('POST', '/vms/batch', { action: 'start', ids: [id] });
    await eventually(async () => expect((await operation(batch.body.id)).status).toBe('running'));
    const answer = await house.call<Operation>('POST', `/operations/${batch.body.id}/cancel`);
    const { cancelRequestedAt } = answer.body;
    expect(cancelRequestedAt).toEqual(expect.any(String));
    await eventually(async () =>
      expect(await operation(batch.body.id)).toMatchObject({ status: 'cancelled', cancelRequestedAt }),
    );
    held.release();
  });

  it('is acknowledged while what came before is still being shown to clients, and is not written down twice for that', async () => {
    const feed = house.gateway.app.get(EventFeed);
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    feed.add({
      // Once it is in the database and in memory.
      async projected(events) {
        if (!events.some(({ type }) => type.startsWith('operation.'))) return;
        reached.resolve();
        await gate.promise;
      },
    });
    const id = await newVm();
    await house.call<Operation>('POST', `/vms/${id}/start`);
    await reached.promise;
    const ask = house.gateway.app.get(Operations);
    const insert = jest.spyOn(ask, 'insert');
    try {
      const body = { host: 'kvm-a', name: 'meanwhile', disks: [{ sizeGiB: 1 }] };
      expect((await house.call('POST', '/vms', body)).status).toBe(202);
      expect(insert).toHaveBeenCalledTimes(1);
    } finally {
      insert.mockRestore();
      gate.resolve();
    }
  });

  it('goes by the clock that all gateways share, and not by that of its machine', async () => {
    const aheadMs = 3_600_000;
    const clock = jest.spyOn(house.gateway.app.get(Pulse), 'brokerAheadMs', 'get').mockReturnValue(aheadMs);
    try {
      const asked = Date.now();
      const body = { host: 'kvm-a', name: 'shared-clock', disks: [{ sizeGiB: 1 }] };
      const done = await house.ask('POST', '/vms', body);
      expect(done.body.status).toBe('succeeded');
      const row = await house.gateway.app
        .get(Database)
        .repository(OperationEntity)
        .findOneByOrFail({ id: done.body.id });
      expect(row.createdAt).toBeGreaterThanOrEqual(asked + aheadMs);
      expect(row.notAfter! - row.createdAt).toBe(defaultBeginWithinSeconds * 1_000);
      // A time that is over by the shared clock is over.
      const notAfter = new Date(asked + aheadMs / 2).toISOString();
      const late = await house.call<Problem>('POST', '/vms', { ...body, name: 'late', notAfter });
      expect([late.status, late.body.errors]).toEqual([400, [expect.objectContaining({ pointer: '/notAfter' })]]);
    } finally {
      clock.mockRestore();
    }
  });

  it('is cancelled by a stop by force of the VM that it makes', async () => {
    const gate = agent.hold('vm.create');
    const { body } = await house.call<Operation>('POST', '/vms', {
      host: 'kvm-a',
      name: 'half',
      disks: [{ sizeGiB: 1 }],
    });
    await eventually(async () => expect((await operation(body.id)).status).toBe('running'));
    const gentle = await house.call<Problem>('POST', `/vms/kvm-a~${body.id}/stop`, {});
    expect([gentle.status, gentle.body.code]).toEqual([404, 'vm-not-found']);
    const stop = await house.ask('POST', `/vms/kvm-a~${body.id}/stop`, { force: true });
    expect(stop.body).toMatchObject({ id: body.id, verb: 'vm.create', status: 'cancelled' });
    gate.release();
  });

  it('asks again for what was cancelled or failed, with all the checks, and not for what succeeded', async () => {
    const id = await newVm();
    agent.failures.set('vm.start', new ProblemError('insufficient-capacity', 'No memory is left.'));
    const failed = await house.ask('POST', `/vms/${id}/start`);
    expect(failed.body).toMatchObject({ status: 'failed', error: { code: 'insufficient-capacity' } });
    agent.relax();
    const retried = await house.ask('POST', `/operations/${failed.body.id}/retry`);
    expect(retried.body).toMatchObject({ verb: 'vm.start', status: 'succeeded', retryOf: failed.body.id, vmId: id });
    const again = await house.call<Problem>('POST', `/operations/${retried.body.id}/retry`);
    expect([again.status, again.body.code]).toEqual([409, 'wrong-state']);
    const viewer = await house.gateway.as('viewer');
    const refused = await house.gateway.call('POST', `/api/v1/operations/${failed.body.id}/retry`, { token: viewer });
    expect(refused.status).toBe(403);
  });

  describe('of a host that is away', () => {
    it('are refused with 503, or wait in the queue and are carried out when it is back', async () => {
      const { gone, id } = await offlineAgent();
      const refused = await house.call<Problem>('POST', `/vms/${id}/start`);
      expect([refused.status, refused.body.code, refused.body.retryable]).toEqual([503, 'host-offline', true]);
      expect(refused.headers['retry-after']).toBeDefined();
      const queued = await house.call<Operation>('POST', `/vms/${id}/start`, {
        whenOffline: 'queue',
        notAfter: soon(3_600_000),
      });
      expect([queued.status, queued.body.status]).toEqual([202, 'pending']);
      gone.state = 'ready';
      await gone.begin();
      await eventually(async () => expect((await operation(queued.body.id)).status).toBe('succeeded'));
      gone.state = 'draining';
      await eventually(async () => expect(await stateOf('kvm-gone')).toBe('draining'));
      await gone.end();
    });

    it('end when they are cancelled before an agent has begun them, and stay ended when it comes back', async () => {
      const { gone, id } = await offlineAgent('kvm-b');
      const options = { whenOffline: 'queue', notAfter: soon(3_600_000) };
      const { body } = await house.call<Operation>('POST', `/vms/${id}/start`, options);
      const cancelled = await house.ask('POST', `/operations/${body.id}/cancel`);
      expect(cancelled.body.status).toBe('cancelled');
      const done = gone.done.length;
      gone.state = 'ready';
      await gone.begin();
      await eventually(async () => expect(await stateOf('kvm-b')).toBe('ready'));
      expect((await house.ask('POST', `/vms/${id}/start`)).body.status).toBe('succeeded');
      expect(gone.done).toHaveLength(done + 1);
      expect((await operation(body.id)).status).toBe('cancelled');
      gone.state = 'draining';
      await eventually(async () => expect(await stateOf('kvm-b')).toBe('draining'));
      await gone.end();

      const expiring = await house.call<Operation>('POST', `/vms/${id}/stop`, {
        whenOffline: 'queue',
        notAfter: soon(3_600_000),
      });
      expect(expiring.status).toBe(202);
      await letBeLate(expiring.body.id);
      await eventually(async () => {
        const { status, error } = await operation(expiring.body.id);
        expect([status, error?.code, error?.retryable]).toEqual(['failed', 'expired', true]);
      });
      expect((await house.vm(id)).operation).toBeUndefined();
    });
  });

  it('that an agent has begun cannot be ended behind its back', async () => {
    const id = await newVm();
    const gate = agent.hold('vm.start');
    const { body } = await house.call<Operation>('POST', `/vms/${id}/start`, { notAfter: soon(3_600_000) });
    await eventually(async () => expect((await operation(body.id)).status).toBe('running'));
    await letBeLate(body.id);
    // As a gateway sees it that has not heard of the beginning yet.
    const { app } = house.gateway;
    await app
      .get(Database)
      .transaction((manager) => manager.update(OperationEntity, { id: body.id }, { status: 'pending' }));
    await app.get(OperationSweeper).sweep(Date.now());
    expect((await operation(body.id)).status).toBe('pending');
    await app
      .get(Database)
      .transaction((manager) => manager.update(OperationEntity, { id: body.id }, { status: 'running' }));
    expect((await operation(body.id)).status).toBe('running');
    gate.release();
    await eventually(async () => expect((await operation(body.id)).status).toBe('succeeded'));
  });

  it('keeps who asked, from where and how it ended in the audit', async () => {
    const id = await newVm();
    const { body } = await house.ask('POST', `/vms/${id}/start`);
    const { body: audit } = await house.call<Page<AuditRecord>>('GET', '/audit?action=vm.start');
    expect(audit.items.find(({ operationId }) => operationId === body.id)).toMatchObject({
      actor: 'admin',
      target: id,
      outcome: 'succeeded',
    });
  });

  it('lets no agent end the operation of another host', async () => {
    const id = await newVm();
    const gate = agent.hold('vm.start');
    const { body } = await house.call<Operation>('POST', `/vms/${id}/start`);
    await eventually(async () => expect((await operation(body.id)).status).toBe('running'));
    const bus = await house.connect('agent-kvm-b');
    const forged: Operation = { ...body, host: 'kvm-b', vmId: 'kvm-b~1', status: 'succeeded', progress: 100 };
    const event = makeEvent(operationSucceeded, {
      id: `${body.id}:forged`,
      source: '/hosts/kvm-b/agent',
      subject: body.id,
      data: { operation: forged },
    });
    await publishEvent(bus, 'kvm-b', event);
    const other = await newVm();
    // Events are projected in order, so by now the forged one has been seen.
    expect((await house.ask('POST', `/vms/${other}/stop`)).body.status).toBe('succeeded');
    expect((await operation(body.id)).status).toBe('running');
    gate.release();
    await eventually(async () => expect((await operation(body.id)).status).toBe('succeeded'));
  });

  describe('after a gateway was killed', () => {
    const rows = () => house.gateway.app.get(Database);

    it('between the commit and the publication are published by the next sweep', async () => {
      const id = await newVm();
      const { body } = await house.ask('POST', `/vms/${id}/start`);
      const row = await rows().repository(OperationEntity).findOneByOrFail({ id: body.id });
      // As the row would stand if the process had died right after the commit.
      const left = {
        ...row,
        ...{ id: '01938f5e-0000-7000-8000-00000000000a', status: 'pending' as const, publishedAt: null },
        ...{ startedAt: null, endedAt: null, createdAt: Date.now() - 5_000, notAfter: Date.now() + 60_000 },
      };
      const command = JSON.parse(row.command!) as { operationId: string };
      left.command = JSON.stringify({ ...command, operationId: left.id, notAfter: soon(3_600_000) });
      await rows().transaction((manager) => manager.insert(OperationEntity, left));
      await eventually(async () => expect((await operation(left.id)).status).toBe('succeeded'));
    });

    it('between the publication and its note are not ended a second time when their agent has ended them', async () => {
      const id = await newVm();
      const { body } = await house.ask('POST', `/vms/${id}/start`);
      const row = await rows().repository(OperationEntity).findOneByOrFail({ id: body.id });
      // Of another id, so that no memory for ids hides an end that is published again.
      const left = { ...row, id: '01938f5e-0000-7000-8000-00000000000c', publishedAt: null, createdAt: 1_000 };
      const { last_seq: before } = (await house.gateway.app.get(Bus).manager.streams.info(streams.events.name)).state;
      await rows().transaction((manager) => manager.insert(OperationEntity, left));
      await eventually(async () => {
        const { publishedAt } = await rows().repository(OperationEntity).findOneByOrFail({ id: left.id });
        expect(publishedAt).not.toBeNull();
      });
      const end = AbortSignal.timeout(10_000);
      await agent.tell(hostDraining, 'mark', 'kvm-a', { host: 'kvm-a', incarnation: 'x' });
      for await (const { event } of readEvents(house.gateway.app.get(Bus), { fromSequence: before + 1, signal: end })) {
        if (event.id === 'mark') break;
        expect(event.subject).not.toBe(left.id);
      }
    });

    it('between the verdict and the event are ended as the verdict says', async () => {
      const id = await newVm();
      const { body } = await house.ask('POST', `/vms/${id}/start`);
      const row = await rows().repository(OperationEntity).findOneByOrFail({ id: body.id });
      const left = {
        ...row,
        ...{ id: '01938f5e-0000-7000-8000-00000000000b', status: 'pending' as const },
        ...{ startedAt: null, endedAt: null, notAfter: Date.now() - 60_000 },
      };
      const journal = openBucket(await house.connect('admin'), buckets.journal, z.unknown());
      await journal.create(keys.journal('kvm-a', left.id), { ended: 'cancelled' });
      await rows().transaction((manager) => manager.insert(OperationEntity, left));
      await eventually(async () => expect((await operation(left.id)).status).toBe('cancelled'));
    });

    it('are ended when they are overdue, however many older ones an agent has begun and is away with', async () => {
      const id = await newVm();
      const { body } = await house.ask('POST', `/vms/${id}/start`);
      const row = await rows().repository(OperationEntity).findOneByOrFail({ id: body.id });
      const left = Array.from({ length: 301 }, (_, index) => ({
        ...row,
        ...{ id: `01938f5e-0001-7000-8000-${String(index).padStart(12, '0')}`, status: 'pending' as const },
        ...{ startedAt: null, endedAt: null, notAfter: Date.now() - 60_000 },
      }));
      const newest = left.at(-1)!;
      const journal = openBucket(await house.connect('admin'), buckets.journal, z.unknown());
      const begun = left.slice(0, -1);
      await Promise.all(begun.map((one) => journal.create(keys.journal('kvm-a', one.id), { begun: true })));
      await rows().transaction((manager) => manager.insert(OperationEntity, left));
      await eventually(async () => expect((await operation(newest.id)).error?.code).toBe('expired'));
      const ids = begun.map((one) => one.id);
      expect(
        await rows()
          .repository(OperationEntity)
          .countBy({ id: In(ids), status: 'pending' }),
      ).toBe(ids.length);
      await rows().transaction((manager) => manager.delete(OperationEntity, ids));
    });
  });

  it('are the same on every gateway of one database, and each hears of their end', async () => {
    await house.withGateway(async (second) => {
      const id = await newVm();
      await eventually(async () => expect((await house.vm(id, second)).state).toBe('stopped'));
      const gate = agent.hold('vm.start');
      const { body } = await house.call<Operation>('POST', `/vms/${id}/start`);
      await eventually(async () => expect((await house.vm(id, second)).operation).toBe(body.id));
      const busy = await house.call<Problem>('POST', `/vms/${id}/stop`, {}, {}, second);
      expect([busy.status, busy.body.operationId]).toEqual([409, body.id]);
      // The second gateway takes part in projecting; labels given at the first are seen there too.
      gate.release();
      await eventually(async () => expect((await operation(body.id)).status).toBe('succeeded'));
      await house.call('PATCH', `/vms/${id}`, { labels: { seen: 'everywhere' } });
      await eventually(async () => expect((await house.vm(id, second)).labels).toEqual({ seen: 'everywhere' }));
      await eventually(async () => expect((await house.vm(id, second)).operation).toBeUndefined());
    });
  });

  it('go on where they were when nats-server was killed', async () => {
    const id = await newVm();
    await house.nats.kill();
    const answer = await house.call<Operation>('POST', `/vms/${id}/start`, { notAfter: soon(3_600_000) });
    expect([answer.status, answer.body.status]).toEqual([202, 'pending']);
    await eventually(async () => expect((await house.gateway.call('GET', '/readyz')).status).toBe(503));
    await house.nats.start();
    await eventually(async () => expect((await operation(answer.body.id)).status).toBe('succeeded'));
    await eventually(async () => expect((await house.vm(id)).state).toBe('running'));
    await eventually(async () => expect((await house.gateway.call('GET', '/readyz')).status).toBe(200));
  });
});
