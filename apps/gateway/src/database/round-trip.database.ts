import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntityTarget, ObjectLiteral } from 'typeorm';
import { ArchiveEntity } from '../archives/archive.entity.ts';
import { AuditLinkEntity } from '../audit/audit-chain.entity.ts';
import { AuditEntity } from '../audit/audit.entity.ts';
import { KnownDeviceEntity } from '../auth/known-device.entity.ts';
import { SessionEntity } from '../auth/session.entity.ts';
import { TicketEntity } from '../auth/ticket.entity.ts';
import { UserPreferencesEntity } from '../auth/user-preferences.entity.ts';
import { ConsoleTicketEntity } from '../console/console-ticket.entity.ts';
import { EventCursorEntity } from '../events/event-cursor.entity.ts';
import { HostJoinEntity } from '../hosts/host-join.entity.ts';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';
import { IdempotencyEntity } from '../idempotency/idempotency.entity.ts';
import { AnnotationEntity } from '../inventory/annotation.entity.ts';
import { RollupEntity } from '../metrics/rollup.entity.ts';
import { BatchEntity } from '../operations/batch.entity.ts';
import { OperationLockEntity } from '../operations/operation-lock.entity.ts';
import { OperationEntity } from '../operations/operation.entity.ts';
import { SubscriberEntity } from '../subscribers/subscriber.entity.ts';
import { onEveryDatabase } from '../testing/on-every-database.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { UserEntity } from '../users/user.entity.ts';
import { isDuplicate } from './database-errors.ts';
import type { Database } from './database.ts';
import { entities } from './entities.ts';
import { findRows, insertRows, updateRows } from './known-rows.ts';
import { openDatabase } from './open-database.ts';

/** Characters of one to four bytes, what a shell or SQL would trip over, and every ASCII control character but NUL. */
const awkward =
  `🖥️👩‍🚀 é e\u0301 ß İ 日本語 \u202e 'quoted' "twice" \`back\` \\ %_ ; -- ${'\u{10ffff}'}` +
  String.fromCharCode(...Array.from({ length: 31 }, (_, n) => n + 1));
/** As many characters as the column holds, of four bytes each. */
const full = (length: number) => '🖥'.repeat(length);
const long = awkward.repeat(10_000);
const id = '01a20173-ed2a-7034-8e94-ab5d5aad14c5';
const other = '01a20173-ed2a-7034-8e94-ab5d5aad14c6';
const hash = 'f'.repeat(64);
/** The last moment that a date of JavaScript can tell, in milliseconds. */
const latest = 8_640_000_000_000_000;
const vmId = `${'h'.repeat(63)}~${'N'.repeat(128)}`;

interface Case<Entity extends ObjectLiteral = ObjectLiteral> {
  readonly entity: EntityTarget<Entity>;
  readonly row: Entity;
  /** The same row with nothing where there need not be anything. */
  readonly empty?: Partial<Entity>;
  /** What makes it another row. */
  readonly another: Partial<Entity>;
  /** Names that differ in nothing but case are two. */
  readonly key: keyof Entity & string;
}

const typed = <Entity extends ObjectLiteral>(one: Case<Entity>): Case => one as unknown as Case;

const user: UserEntity = {
  id,
  username: 'u'.repeat(64),
  usernameKey: 'u'.repeat(64),
  passwordHash: '$'.repeat(100),
  role: 'operator',
  disabled: true,
  createdAt: latest,
  lastLoginAt: latest,
  unlockedAt: latest,
  revision: 2 ** 31 - 1,
};

const cases: readonly Case[] = [
  typed<OperationEntity>({
    entity: OperationEntity,
    row: {
      id,
      verb: full(64),
      status: 'cancelled',
      host: 'h'.repeat(63),
      vmId,
      requestedBy: full(160),
      requestId: full(64),
      parent: other,
      retryOf: other,
      createdAt: latest,
      startedAt: 1,
      endedAt: 0,
      notAfter: latest,
      publishedAt: 2 ** 32,
      rest: long,
      command: long,
      secretFields: long,
      secrets: long,
      annotation: long,
    },
    empty: {
      ...{ host: null, vmId: null, parent: null, retryOf: null, startedAt: null, endedAt: null, notAfter: null },
      ...{ publishedAt: null, command: null, secretFields: null, secrets: null, annotation: null, rest: '' },
    },
    another: { id: other },
    key: 'id',
  }),
  typed<OperationLockEntity>({
    entity: OperationLockEntity,
    row: { key: hash, operationId: id },
    another: { key: '0'.repeat(64) },
    key: 'key',
  }),
  typed<BatchEntity>({
    entity: BatchEntity,
    row: { id, plan: long, runner: other, leaseUntil: latest, cancelledBy: full(160) },
    empty: { runner: null, cancelledBy: null },
    another: { id: other },
    key: 'id',
  }),
  typed<EventCursorEntity>({
    entity: EventCursorEntity,
    row: { name: full(32), position: Number.MAX_SAFE_INTEGER },
    another: { name: 'other' },
    key: 'name',
  }),
  typed<AnnotationEntity>({
    entity: AnnotationEntity,
    row: { vmId, labels: long, notes: long, protected: true, version: 2 ** 31 - 1 },
    empty: { labels: '{}', notes: '', protected: false, version: 0 },
    another: { vmId: 'kvm-a~1' },
    key: 'vmId',
  }),
  typed<RollupEntity>({
    entity: RollupEntity,
    row: { vmId, hour: latest, minutes: long },
    another: { hour: latest - 3_600_000 },
    key: 'vmId',
  }),
  typed<ArchiveEntity>({
    entity: ArchiveEntity,
    row: { vmId, sequence: Number.MAX_SAFE_INTEGER, archive: long },
    another: { vmId: 'kvm-a~1' },
    key: 'vmId',
  }),
  typed<ConsoleTicketEntity>({
    entity: ConsoleTicketEntity,
    row: { hash, vmId, kind: 'text', actor: full(160), userId: id, sessionId: id, tokenId: other, expiresAt: latest },
    empty: { sessionId: null, tokenId: null },
    another: { hash: '0'.repeat(64) },
    key: 'hash',
  }),
  typed<TicketEntity>({
    entity: TicketEntity,
    row: { hash, purpose: full(64), userId: id, sessionId: id, tokenId: other, expiresAt: latest },
    empty: { sessionId: null, tokenId: null },
    another: { hash: '0'.repeat(64) },
    key: 'hash',
  }),
  typed<UserPreferencesEntity>({
    entity: UserPreferencesEntity,
    row: {
      userId: id,
      value: { language: 'fr', views: [{ name: 'é😀', page: 'machines', query: 'x'.repeat(4_096) }] },
    },
    another: { userId: other },
    key: 'userId',
  }),
  typed<AuditEntity>({
    entity: AuditEntity,
    row: {
      ...{ id, at: latest, actor: full(160), address: full(64), action: full(64), target: full(255) },
      ...{ outcome: 'succeeded', code: full(64), requestId: full(64), operationId: other, detail: long },
      ...{ clientRequestId: full(64), sequence: latest, signature: full(100) },
    },
    empty: {
      ...{ target: null, code: null, operationId: null, detail: null, clientRequestId: null },
      ...{ sequence: null, signature: null },
    },
    another: { id: other },
    key: 'id',
  }),
  typed<AuditLinkEntity>({
    entity: AuditLinkEntity,
    row: { sequence: latest, recordId: id, digest: hash, hash },
    empty: {},
    another: { sequence: 7 },
    key: 'recordId',
  }),
  typed<KnownDeviceEntity>({
    entity: KnownDeviceEntity,
    row: { hash, userId: id, lastUsedAt: latest },
    empty: {},
    another: { hash: '0'.repeat(64) },
    key: 'hash',
  }),
  typed<IdempotencyEntity>({
    entity: IdempotencyEntity,
    row: {
      ...{ id: hash, fingerprint: hash, owner: other, heldUntil: latest, status: 201, operationId: other },
      ...{ answer: long, expiresAt: latest },
    },
    empty: { status: null, operationId: null, answer: null },
    another: { id: '0'.repeat(64) },
    key: 'id',
  }),
  typed<UserEntity>({
    entity: UserEntity,
    row: user,
    empty: { lastLoginAt: null, unlockedAt: null },
    another: { id: other, usernameKey: 'another' },
    key: 'usernameKey',
  }),
  typed<SessionEntity>({
    entity: SessionEntity,
    row: {
      ...{ id, userId: id, tokenHash: hash, createdAt: 0, expiresAt: latest, revokedAt: 1, address: full(64) },
      ...{ lastUsedAt: latest, confirmedAt: latest, client: full(200) },
    },
    empty: { revokedAt: null, client: null },
    another: { id: other },
    key: 'id',
  }),
  typed<TokenEntity>({
    entity: TokenEntity,
    row: {
      ...{ id, userId: id, name: full(80), prefix: 'p'.repeat(16), secretHash: hash, scopes: ['vm:read', 'vm:edit'] },
      ...{ createdAt: 0, expiresAt: latest, lastUsedAt: latest },
    },
    empty: { scopes: [], lastUsedAt: null },
    another: { id: other, name: full(79), secretHash: '0'.repeat(64) },
    key: 'name',
  }),
  typed<SubscriberEntity>({
    entity: SubscriberEntity,
    row: {
      ...{ id, name: full(80), hosts: Array.from({ length: 1_000 }, () => 'h'.repeat(63)), createdBy: full(160) },
      ...{ createdAt: 0, revokedAt: latest },
    },
    empty: { hosts: null, revokedAt: null },
    another: { id: other, name: full(79) },
    key: 'name',
  }),
  typed<RegisteredHostEntity>({
    entity: RegisteredHostEntity,
    row: {
      ...{ id: 'h'.repeat(63), hypervisor: 'kvm', createdBy: full(160), createdAt: 0, revision: 2 ** 31 - 1 },
      ...{ drainedAt: latest, drainedBy: full(160), removedAt: latest },
    },
    empty: { drainedAt: null, drainedBy: null, removedAt: null },
    another: { id: 'h' },
    key: 'id',
  }),
  typed<HostJoinEntity>({
    entity: HostJoinEntity,
    row: {
      ...{ id: 'j'.repeat(32), host: 'h'.repeat(63), tokenHash: hash, expiresAt: latest, createdBy: full(160) },
      ...{ createdAt: 0, joinedAt: latest, joinedFrom: 'f'.repeat(64), publicKey: 'U'.repeat(56) },
      ...{ agentVersion: full(64), endsAt: latest },
    },
    empty: { joinedAt: null, joinedFrom: null, publicKey: null, agentVersion: null, endsAt: null },
    another: { id: 'j' },
    key: 'id',
  }),
];

onEveryDatabase('every table', (fresh) => {
  let database: Database;
  beforeEach(async () => {
    database = await openDatabase(await fresh());
  });
  afterEach(() => database.close());

  const insert = ({ entity }: Case, row: ObjectLiteral, whole = false) =>
    database.transaction(async (manager) => {
      // Whom a session or a token belongs to.
      const isOwned = entity === SessionEntity || entity === TokenEntity;
      if (isOwned && (await manager.countBy(UserEntity, { id })) === 0) await manager.insert(UserEntity, user);
      if (whole) await insertRows(manager, entity, [row]);
      else await manager.insert(entity, row);
    });
  const rows = ({ entity }: Case) => database.repository(entity).find();

  it('has a case here', () => {
    const named = new Set(cases.map(({ entity }) => entity));
    const missing = entities.filter((entity) => !named.has(entity)).map(({ name }) => name);
    // Their one row is made by a migration, and tested with it.
    expect(missing.sort()).toEqual(['AuditHeadEntity', 'IdentityRevisionEntity']);
  });

  describe.each(cases.map((one) => [(one.entity as { name: string }).name, one] as const))('of %s', (_, one) => {
    it('gives back to the byte what it was given, of every length it takes', async () => {
      await insert(one, one.row);
      expect(await rows(one)).toEqual([one.row]);
      const found = await database.repository(one.entity).findBy({ [one.key]: one.row[one.key] as string });
      expect(found).toEqual([one.row]);
    });

    it('is the same when it is found and changed by a column', async () => {
      const key = one.row[one.key] as string;
      const missing = await database.transaction((manager) =>
        updateRows(manager, one.entity, { [one.key]: key }, one.row),
      );
      expect(missing).toBe(0);
      await insert(one, one.row);
      const changed = { ...one.row, ...one.empty };
      await database.transaction(async (manager) => {
        expect(await findRows(manager, one.entity, one.key, [key, `${key}-2`, `${key}-3`])).toEqual([one.row]);
        expect(await updateRows(manager, one.entity, { [one.key]: key }, changed)).toBe(1);
        // Where there is nothing, nothing is what is looked for.
        const [empty] = Object.keys(one.empty ?? {}).filter((name) => changed[name] === null);
        if (empty !== undefined) expect(await updateRows(manager, one.entity, { [empty]: null }, changed)).toBe(1);
      });
      expect(await rows(one)).toEqual([changed]);
    });

    it('is the same when whole rows are inserted', async () => {
      await insert(one, one.row, true);
      expect(await rows(one)).toEqual([one.row]);
      const others = { ...one.row, ...one.empty, ...one.another };
      await insert(one, others, true);
      expect(await rows(one)).toEqual(expect.arrayContaining([one.row, others]));
    });

    it('tells nothing from empty, and no from yes', async () => {
      const row = { ...one.row, ...one.empty };
      await insert(one, row);
      expect(await rows(one)).toEqual([row]);
    });

    it('takes a key once, also when many come at once, and another one beside it', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, n) => insert(one, one.row, n % 2 === 0)));
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      expect(reasons.map(isDuplicate)).toEqual(Array(5).fill(true));
      await insert(one, { ...one.row, ...one.another });
      expect(await rows(one)).toHaveLength(2);
    });

    it('tells keys apart that look alike', async () => {
      const { key } = one;
      const spellings = ['a', 'a ', 'A', 'á', 'a\u0301', ' a', 'ａ'];
      for (const [n, spelling] of spellings.entries()) {
        const apart = one.entity === TokenEntity ? { id: `${id.slice(0, -1)}${n}`, secretHash: `${n}` } : {};
        const numbered = one.entity === AuditLinkEntity ? { sequence: n + 1 } : {};
        const hasName = one.entity === UserEntity || one.entity === SubscriberEntity;
        const who = hasName ? { id: `${id.slice(0, -1)}${n}` } : {};
        await insert(one, { ...one.row, ...apart, ...numbered, ...who, [key]: spelling });
      }
      for (const spelling of spellings)
        expect(await database.repository(one.entity).countBy({ [key]: spelling })).toBe(1);
    });
  });
});
