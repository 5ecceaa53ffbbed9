import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { AuditEntity } from '../audit/audit.entity.ts';
import { IdentityRevisionEntity } from '../auth/identity-revision.entity.ts';
import { IdempotencyEntity } from '../idempotency/idempotency.entity.ts';
import { onEveryDatabase } from '../testing/on-every-database.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { UserEntity } from '../users/user.entity.ts';
import { isDuplicate } from './database-errors.ts';
import type { Database } from './database.ts';
import { entities } from './entities.ts';
import { migrations } from './migrations.ts';
import { dataSourceOptions, openDatabase } from './open-database.ts';
import { uuidV7 } from './uuid-v7.ts';

const user = (overrides: Partial<UserEntity> = {}): UserEntity => ({
  id: randomUUID(),
  username: 'Ada',
  usernameKey: 'ada',
  passwordHash: 'x',
  role: 'viewer',
  disabled: false,
  createdAt: 1_795_309_200_123,
  lastLoginAt: null,
  unlockedAt: null,
  revision: 1,
  ...overrides,
});

const audit = (target: string): AuditEntity => ({
  id: uuidV7(),
  at: Date.now(),
  actor: 'ada',
  address: '::1',
  action: 'test',
  target,
  outcome: 'succeeded',
  code: null,
  detail: null,
  requestId: 'r',
  clientRequestId: null,
  operationId: null,
  sequence: null,
  signature: null,
});

const answer = (id: string, text = ''): IdempotencyEntity => ({
  id,
  fingerprint: '',
  owner: '',
  heldUntil: 0,
  status: 200,
  operationId: null,
  answer: text,
  expiresAt: Number.MAX_SAFE_INTEGER,
});

onEveryDatabase('the database', (fresh) => {
  let url: string;
  let database: Database;
  beforeEach(async () => {
    url = await fresh();
    database = await openDatabase(url);
  });
  afterEach(() => database.close());

  it('is made by its migrations, unmade by them, and made again', async () => {
    const source = await new DataSource(dataSourceOptions(url)).initialize();
    try {
      const runner = source.createQueryRunner();
      const names = entities.map((entity) => source.getMetadata(entity).tableName);
      const present = async () => {
        const found = [];
        for (const name of names) if (await runner.hasTable(name)) found.push(name);
        return found;
      };
      expect(await present()).toEqual(names);
      for (let count = 0; count < migrations.length; count++) await source.undoLastMigration();
      expect(await present()).toEqual([]);
      expect(await source.runMigrations()).toHaveLength(migrations.length);
      expect(await source.runMigrations()).toEqual([]);
      expect(await present()).toEqual(names);
      await runner.release();
    } finally {
      await source.destroy();
    }
  });

  it('has the columns that the entities expect', async () => {
    const source = await new DataSource(dataSourceOptions(url)).initialize();
    const runner = source.createQueryRunner();
    for (const entity of entities) {
      const { tableName, columns } = source.getMetadata(entity);
      const table = await runner.getTable(tableName);
      const expected = columns.map(({ databaseName, isNullable, isPrimary }) => ({
        databaseName,
        isNullable,
        isPrimary,
      }));
      const found = table?.columns.map(({ name, isNullable, isPrimary }) => ({
        databaseName: name,
        isNullable,
        isPrimary,
      }));
      const byName = (one: { databaseName: string }, other: { databaseName: string }) =>
        one.databaseName < other.databaseName ? -1 : 1;
      expect([tableName, found?.sort(byName)]).toEqual([tableName, expected.sort(byName)]);
    }
    await runner.release();
    await source.destroy();
  });

  it('is migrated once by gateways that start together', async () => {
    const another = await fresh();
    const opened = await Promise.all([1, 2, 3, 4].map(() => openDatabase(another)));
    try {
      for (const one of opened) {
        expect(await one.repository(IdentityRevisionEntity).find()).toEqual([{ id: 1, revision: 1 }]);
      }
    } finally {
      for (const one of opened) await one.close();
    }
  });

  it('gives back what it was given', async () => {
    const ada = user();
    const token: TokenEntity = {
      id: randomUUID(),
      userId: ada.id,
      name: 'ci 🚀',
      prefix: 'pv_12345678',
      secretHash: 'h',
      scopes: ['vm:read', 'vm:power'],
      createdAt: 4_102_444_800_000,
      expiresAt: Number.MAX_SAFE_INTEGER,
      lastUsedAt: null,
    };
    await database.transaction(async (manager) => {
      await manager.insert(UserEntity, ada);
      await manager.insert(TokenEntity, token);
    });
    expect(await database.repository(UserEntity).findOneByOrFail({ id: ada.id })).toEqual(ada);
    expect(await database.repository(TokenEntity).findOneByOrFail({ id: token.id })).toEqual(token);
    await database.transaction((manager) => manager.update(UserEntity, { id: ada.id }, { disabled: true }));
    expect(await database.repository(UserEntity).findOneByOrFail({ disabled: true })).toMatchObject({ id: ada.id });
  });

  it.each([
    'naïve “quotes”',
    '👩‍🚀 𝕏 🏳️‍🌈',
    "'; DROP TABLE audit; --",
    '日本語 한국어',
    'line\nbreak\ttab',
    '\u202eright to left',
  ])('keeps %j to the byte and finds it', async (text) => {
    await database.transaction((manager) => manager.insert(AuditEntity, audit(text)));
    const found = await database.repository(AuditEntity).findBy({ target: text });
    expect(found.map(({ target }) => target)).toEqual([text]);
  });

  it('tells keys apart that look alike', async () => {
    const ids = ['a', 'A', 'á', 'a\u0301', 'ä', 'ss', 'ß', 'ı', 'i', 'ﬁ', 'fi', '１', '1'];
    for (const id of ids) await database.transaction((manager) => manager.insert(IdempotencyEntity, answer(id)));
    expect(await database.repository(IdempotencyEntity).count()).toBe(ids.length);
    expect(await database.repository(IdempotencyEntity).countBy({ id: 'a' })).toBe(1);
  });

  it('holds an answer of two mebibytes', async () => {
    const text = '😀é'.repeat(350_000);
    await database.transaction((manager) => manager.insert(IdempotencyEntity, answer('large', text)));
    expect((await database.repository(IdempotencyEntity).findOneByOrFail({ id: 'large' })).answer === text).toBe(true);
  });

  it('lets one of many win a unique name, and tells the others', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => database.transaction((manager) => manager.insert(UserEntity, user()))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(isDuplicate(outcome.reason)).toBe(true);
    }
    expect(await database.repository(UserEntity).count()).toBe(1);
  });

  it('keeps transactions apart: one that fails takes nothing of the others with it', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 30 }, (_, index) =>
        database.transaction(async (manager) => {
          await manager.insert(AuditEntity, audit(`${index} first`));
          await manager.increment(IdentityRevisionEntity, { id: 1 }, 'revision', 1);
          if (index % 3 === 0) throw new Error('on purpose');
          await manager.insert(AuditEntity, audit(`${index} second`));
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
    expect(await database.repository(AuditEntity).count()).toBe(40);
    expect(await database.repository(IdentityRevisionEntity).findOneBy({ id: 1 })).toEqual({ id: 1, revision: 21 });
  });

  it('does what was to be done after a commit as whoever asked for it, and only for those that were committed', async () => {
    const who = new AsyncLocalStorage<number>();
    const done: unknown[] = [];
    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) =>
        who.run(index, () =>
          database.transaction(async (manager) => {
            await manager.insert(AuditEntity, audit(`${index}`));
            const within = who.getStore();
            database.onCommit(() => done.push([within, who.getStore()]));
            if (index % 3 === 0) throw new Error('on purpose');
          }),
        ),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    expect(done.sort()).toEqual([1, 2, 4, 5].map((index) => [index, index]));
  });

  it('shows nothing that is not committed', async () => {
    await database.transaction(async (manager) => {
      await manager.insert(UserEntity, user());
      expect(await manager.count(UserEntity)).toBe(1);
      expect(await database.repository(UserEntity).count()).toBe(0);
    });
    expect(await database.repository(UserEntity).count()).toBe(1);
  });

  it('runs the loser of a deadlock again', async () => {
    await database.transaction(async (manager) => {
      await manager.insert(UserEntity, user({ usernameKey: 'one' }));
      await manager.insert(UserEntity, user({ usernameKey: 'two' }));
    });
    const touch = (keys: string[]) =>
      database.transaction(async (manager) => {
        for (const usernameKey of keys) await manager.increment(UserEntity, { usernameKey }, 'revision', 1);
      });
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => touch(index % 2 === 0 ? ['one', 'two'] : ['two', 'one'])),
    );
    expect((await database.repository(UserEntity).find()).map(({ revision }) => revision)).toEqual([21, 21]);
  });

  it('refuses a transaction inside a transaction', async () => {
    await expect(database.transaction(() => database.transaction(() => Promise.resolve()))).rejects.toThrow(
      'already open',
    );
  });

  it('deletes what belongs to a user with the user', async () => {
    const ada = user();
    await database.transaction(async (manager) => {
      await manager.insert(UserEntity, ada);
      await manager.insert(TokenEntity, {
        id: randomUUID(),
        userId: ada.id,
        name: 'ci',
        prefix: '',
        secretHash: 'h',
        scopes: [],
        createdAt: 0,
        expiresAt: 0,
        lastUsedAt: null,
      });
      await manager.delete(UserEntity, { id: ada.id });
    });
    expect(await database.repository(TokenEntity).count()).toBe(0);
    await expect(
      database.transaction((manager) =>
        manager.query(`INSERT INTO sessions VALUES ('s', 'nobody', 'h', 0, 0, NULL, '::1')`),
      ),
    ).rejects.toThrow();
  });

  it('keeps what was committed when it is opened again', async () => {
    await database.transaction((manager) => manager.insert(UserEntity, user()));
    await database.close();
    database = await openDatabase(url);
    expect(await database.repository(UserEntity).count()).toBe(1);
  });
});
