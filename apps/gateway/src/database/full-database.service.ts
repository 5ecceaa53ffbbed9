import { afterEach, beforeEach, expect, it } from '@jest/globals';
import SqliteDriver from 'better-sqlite3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdentityRevisionEntity } from '../auth/identity-revision.entity.ts';
import { IdempotencyEntity } from '../idempotency/idempotency.entity.ts';
import type { Database } from './database.ts';
import { openDatabase } from './open-database.ts';

let folder: string;
let file: string;
let database: Database;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyvirt-full-'));
  file = join(folder, 'gateway.db');
  database = await openDatabase(`sqlite:${file}`);
});
afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

/** What is on the disk, for the next process. */
function onDisk(): { revision: number; answers: number } {
  const other = new SqliteDriver(file, { readonly: true });
  try {
    return other
      .prepare(
        'SELECT (SELECT revision FROM identity_revision) AS revision, (SELECT count(*) FROM idempotency) AS answers',
      )
      .get() as { revision: number; answers: number };
  } finally {
    other.close();
  }
}

const raise = () =>
  database.transaction((manager) => manager.increment(IdentityRevisionEntity, { id: 1 }, 'revision', 1));
const write = (bytes: number) =>
  database.transaction(async (manager) => {
    await manager.increment(IdentityRevisionEntity, { id: 1 }, 'revision', 1);
    await manager.insert(IdempotencyEntity, {
      ...{ id: `${Math.random()}`, fingerprint: '', owner: '', heldUntil: 0, expiresAt: 0 },
      ...{ status: 200, operationId: null, answer: 'x'.repeat(bytes) },
    });
  });
const refuse = () =>
  database.transaction(async (manager) => {
    await manager.increment(IdentityRevisionEntity, { id: 1 }, 'revision', 1);
    throw new Error('refused');
  });

it('what is committed after a full disk is on the disk, whatever failed in between and how often', async () => {
  const { writes } = database as unknown as Record<'writes', { query(sql: string): Promise<{ page_count: number }[]> }>;
  const [pages] = await writes.query('PRAGMA page_count');
  const before = onDisk();
  let revision = before.revision;
  for (const failures of [[], ['refused'], ['full'], ['full', 'refused', 'refused'], ['refused', 'full', 'refused']]) {
    await writes.query(`PRAGMA max_page_count = ${pages!.page_count + 2}`);
    await expect(write(100_000)).rejects.toMatchObject({ driverError: { code: 'SQLITE_FULL' } });
    for (const failure of failures)
      if (failure === 'refused') await expect(refuse()).rejects.toThrow('refused');
      else await expect(write(100_000)).rejects.toMatchObject({ driverError: { code: 'SQLITE_FULL' } });
    await writes.query('PRAGMA max_page_count = 1000000');
    await raise();
    revision += 1;
    expect([failures, onDisk()]).toEqual([failures, { ...before, revision }]);
  }
});

it('of those who write at once onto a disk that becomes full, whoever was told so is on it, and no other', async () => {
  const { writes } = database as unknown as Record<'writes', { query(sql: string): Promise<{ page_count: number }[]> }>;
  const [pages] = await writes.query('PRAGMA page_count');
  const before = onDisk();
  await writes.query(`PRAGMA max_page_count = ${pages!.page_count + 2}`);
  const outcomes = await Promise.allSettled([raise(), write(100_000), raise(), refuse(), write(100_000), raise()]);
  expect(outcomes.map(({ status }) => status)).toEqual([
    ...['fulfilled', 'rejected', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
  ]);
  expect(onDisk()).toEqual({ ...before, revision: before.revision + 3 });
  await writes.query('PRAGMA max_page_count = 1000000');
  await Promise.all([write(100_000), raise()]);
  expect(onDisk()).toEqual({ answers: before.answers + 1, revision: before.revision + 5 });
});
