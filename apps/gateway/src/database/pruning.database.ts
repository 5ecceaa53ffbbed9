import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { operationSucceeded, streams, subjects } from '@polyvirt/contracts';
import { Sessions } from '../auth/sessions.ts';
import { SessionEntity } from '../auth/session.entity.ts';
import { Idempotency } from '../idempotency/idempotency.ts';
import { IdempotencyEntity } from '../idempotency/idempotency.entity.ts';
import { RollupEntity } from '../metrics/rollup.entity.ts';
import { Rollups, rollupsKeptMs } from '../metrics/rollups.ts';
import { BatchEntity } from '../operations/batch.entity.ts';
import { OperationSweeper } from '../operations/operation-sweeper.ts';
import { OperationEntity } from '../operations/operation.entity.ts';
import { onEveryDatabase } from '../testing/on-every-database.ts';
import { TestHouse } from '../testing/test-house.ts';
import { UserEntity } from '../users/user.entity.ts';
import { Database } from './database.ts';
import { uuidV7 } from './uuid-v7.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The sweeper has looked at its start, and does not look again so soon. */
const nextLookMs = 11 * 60_000;

onEveryDatabase('what has had its time', (fresh) => {
  let house: TestHouse;
  let database: Database;

  beforeAll(async () => {
    house = await TestHouse.start({ databaseUrl: await fresh() });
    database = house.gateway.app.get(Database);
  }, 60_000);
  afterAll(() => house.stop(), 60_000);

  /** An operation of some days ago; ended unless told otherwise. */
  const operation = (daysAgo: number, change: Partial<OperationEntity> = {}): OperationEntity => {
    const atMs = Date.now() - daysAgo * dayMs;
    return {
      ...{ id: uuidV7(atMs), verb: 'vm.start', status: 'succeeded', host: 'kvm-a', vmId: 'kvm-a~1' },
      ...{ requestedBy: 'ada', requestId: 'r', parent: null, retryOf: null, createdAt: atMs, startedAt: atMs },
      ...{ endedAt: atMs, notAfter: null, publishedAt: atMs, rest: '{"progress":100,"steps":[]}', command: null },
      ...{ secretFields: null, secrets: null, annotation: null },
      ...change,
    };
  };
  const idsOf = async () => (await database.repository(OperationEntity).find()).map(({ id }) => id).sort();

  it('goes with its batch after 30 days, however much it is; what has not ended or been told stays', async () => {
    const old = Array.from({ length: 450 }, (_, n) => operation(31 + n / 100));
    const young = [operation(29), operation(29.5), operation(0)];
    const active = operation(40, { status: 'running', endedAt: null });
    const untold = operation(40, { publishedAt: null });
    const batch = (id: string): BatchEntity => ({ id, plan: '{}', runner: null, leaseUntil: 0, cancelledBy: null });
    const rows = [...old, ...young, active, untold];
    await database.transaction(async (manager) => {
      for (let at = 0; at < rows.length; at += 100) await manager.insert(OperationEntity, rows.slice(at, at + 100));
      await manager.insert(BatchEntity, [batch(old[0]!.id), batch(old[449]!.id), batch(young[0]!.id)]);
    });
    await house.gateway.app.get(OperationSweeper).sweep(Date.now() + nextLookMs);
    // What had not been told of was told of first; whether it is gone by now is not said.
    const kept = [...young, active].map(({ id }) => id).sort();
    expect((await idsOf()).filter((id) => id !== untold.id)).toEqual(kept);
    const bus = await house.connect('admin');
    const told = await bus.manager.streams.getMessage(streams.events.name, {
      last_by_subj: subjects.event('kvm-a', operationSucceeded.name),
    });
    expect(told?.json()).toMatchObject({ subject: untold.id });
    const batches = await database.repository(BatchEntity).find();
    expect(batches.map(({ id }) => id)).toEqual([young[0]!.id]);
  }, 60_000);

  it('as an hour of a chart goes when all of it has, and not the hour beside it', async () => {
    const rollups = house.gateway.app.get(Rollups);
    const hour = Math.floor(Date.now() / hourMs) * hourMs - rollupsKeptMs;
    const minutes = '{"0":[12,1,2,null,null,null,null,null,null,null,null,null,null]}';
    const vms = ['kvm-a~1', 'kvm-a~VM', 'kvm-a~vm'];
    const hours = [hour - hourMs, hour, hour + hourMs];
    const rows = vms.flatMap((vmId) => hours.map((one): RollupEntity => ({ vmId, hour: one, minutes })));
    await database.transaction((manager) => manager.insert(RollupEntity, rows));
    // Several at once, as several gateways do it, while a new minute is written.
    const minute = new Date(hour + hourMs + 5 * 60_000).toISOString();
    const written = { host: 'kvm-a', minute, vms: [{ vmId: 'kvm-a~VM', samples: 1 }] };
    await Promise.all([rollups.forget(hour), rollups.keep(written), rollups.forget(hour), rollups.forget(hour)]);
    const left = await database.repository(RollupEntity).find({ order: { vmId: 'ASC', hour: 'ASC' } });
    expect(left.map(({ vmId, hour: one }) => [vmId, one])).toEqual(
      vms.flatMap((vmId) => [
        [vmId, hour],
        [vmId, hour + hourMs],
      ]),
    );
    const changed = left.filter((row) => row.minutes !== minutes).map(({ vmId, hour: one }) => [vmId, one]);
    expect(changed).toEqual([['kvm-a~VM', hour + hourMs]]);
    const points = await rollups.history('kvm-a~vm', hour - hourMs, hour + 2 * hourMs, 60_000);
    expect(points).toEqual(
      [hour, hour + hourMs].map((at) => ({ at: new Date(at).toISOString(), cpuPercent: { average: 1, maximum: 2 } })),
    );
  }, 60_000);

  it('as an answer that was kept for a repeat goes after its day', async () => {
    const answer = (id: string, expiresAt: number): IdempotencyEntity => ({
      ...{ id, fingerprint: '', owner: '', heldUntil: 0, status: 200, operationId: null, answer: 'x' },
      expiresAt,
    });
    const nowMs = Date.now();
    await database.transaction((manager) =>
      manager.insert(IdempotencyEntity, [answer('past', nowMs - hourMs), answer('ahead', nowMs + dayMs)]),
    );
    await house.gateway.app.get(Idempotency).forgetExpired();
    const left = await database.repository(IdempotencyEntity).find();
    expect(left.map(({ id }) => id)).toEqual(['ahead']);
  }, 60_000);

  it('as a session goes when it has expired, or a day after it was ended', async () => {
    const { id: userId } = await database.repository(UserEntity).findOneByOrFail({ usernameKey: 'admin' });
    const nowMs = Date.now();
    const session = (address: string, change: Partial<SessionEntity>): SessionEntity => ({
      ...{ id: randomUUID(), userId, tokenHash: 'h', createdAt: nowMs - 2 * dayMs, expiresAt: nowMs + dayMs },
      ...{ revokedAt: null, address, lastUsedAt: 0, confirmedAt: 0, client: null },
      ...change,
    });
    await database.transaction((manager) =>
      manager.insert(SessionEntity, [
        session('expired', { expiresAt: nowMs - 1 }),
        session('open', {}),
        session('ended long ago', { revokedAt: nowMs - dayMs - 60_000 }),
        session('ended just now', { revokedAt: nowMs - 1_000 }),
      ]),
    );
    await house.gateway.app.get(Sessions).forgetEnded();
    const left = (await database.repository(SessionEntity).find()).map(({ address }) => address);
    expect(left.filter((address) => !address.includes('.')).sort()).toEqual(['ended just now', 'open']);
    // Whoever is logged in stays so.
    expect((await house.call('GET', '/auth/me')).status).toBe(200);
  }, 60_000);
});
