import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import SqliteDriver from 'better-sqlite3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdentityRevisionEntity } from '../auth/identity-revision.entity.ts';
import { isContention } from './database-errors.ts';
import type { Database } from './database.ts';
import { openDatabase } from './open-database.ts';

/** A backup, or a shell that somebody has left open. */
describe('a SQLite file that another program has locked', () => {
  let folder: string;
  let url: string;
  let other: InstanceType<typeof SqliteDriver>;
  let database: Database | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-locked-'));
    url = `sqlite:${join(folder, 'gateway.db')}`;
  });
  afterEach(async () => {
    other.close();
    await database?.close();
    await rm(folder, { recursive: true });
  });

  const lock = () => {
    other = new SqliteDriver(url.slice('sqlite:'.length));
    other.exec('BEGIN IMMEDIATE');
  };
  const raise = (attempted: () => void = () => undefined) =>
    database!.transaction(async (manager) => {
      attempted();
      await manager.increment(IdentityRevisionEntity, { id: 1 }, 'revision', 1);
    });
  const revision = async () => (await database!.repository(IdentityRevisionEntity).findOneByOrFail({ id: 1 })).revision;

  it('is waited for without keeping others waiting, and written to once it is free', async () => {
    // Longer than any test.
    database = await openDatabase(url, 600_000);
    lock();
    const before = await revision();
    const writes = [raise(), raise(), raise()];
    // Reads, and all that is no business of the database, go on meanwhile.
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(await revision()).toBe(before);
    }
    other.exec('COMMIT');
    await Promise.all(writes);
    expect(await revision()).toBe(before + 3);
  });

  it('fails those who have waited long enough, all of them together, and is the same as before', async () => {
    database = await openDatabase(url, 50);
    lock();
    const before = await revision();
    let attempted = 0;
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => raise(() => (attempted += 1))));
    for (const outcome of outcomes) {
      expect(outcome.status).toBe('rejected');
      expect(isContention((outcome as PromiseRejectedResult).reason)).toBe(true);
    }
    expect(attempted).toBe(0);
    other.exec('COMMIT');
    expect(await revision()).toBe(before);
    await raise();
    expect(await revision()).toBe(before + 1);
  });

  it('is never waited for inside SQLite by the connection that writes, nor noticeably by the one that reads', async () => {
    database = await openDatabase(url);
    lock();
    const { reads, writes } = database as unknown as Record<
      'reads' | 'writes',
      { query(sql: string): Promise<unknown> }
    >;
    expect(await writes.query('PRAGMA busy_timeout')).toEqual([{ timeout: 0 }]);
    expect(await reads.query('PRAGMA busy_timeout')).toEqual([{ timeout: 100 }]);
  });
});
