import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { isContention } from './database-errors.ts';

const lockName = 'polyvirt_migrations';
const lockSeconds = 60;
const retryMs = 50;

/** Runs the migrations that are missing. Gateways that start at the same time do it one after another. */
export async function migrate(source: DataSource): Promise<void> {
  await (source.options.type === 'mysql' ? migrateMysql(source) : migrateSqlite(source));
}

/** DDL commits by itself here, so a named lock of the server keeps the others away; it falls with the connection. */
async function migrateMysql(source: DataSource): Promise<void> {
  const holder = source.createQueryRunner();
  const lock = `CONCAT(DATABASE(), '.${lockName}')`;
  try {
    const [{ held }] = (await holder.query(`SELECT GET_LOCK(${lock}, ${lockSeconds}) AS held`)) as [{ held: unknown }];
    if (Number(held) !== 1) throw new Error(`another gateway has been migrating for ${lockSeconds} s`);
    await source.runMigrations({ transaction: 'none' });
    await holder.query(`SELECT RELEASE_LOCK(${lock})`);
  } finally {
    await holder.release();
  }
}

/** DDL is transactional here: all migrations happen, or none. */
async function migrateSqlite(source: DataSource): Promise<void> {
  await beginExclusively(source);
  try {
    await source.runMigrations({ transaction: 'none' });
    await source.query('COMMIT');
  } catch (error) {
    await source.query('ROLLBACK');
    throw error;
  } finally {
    await source.query('PRAGMA foreign_keys = ON');
  }
}

async function beginExclusively(source: DataSource): Promise<void> {
  // Rebuilding a table drops the old one, and that would delete the rows that refer to it.
  await source.query('PRAGMA foreign_keys = OFF');
  const [{ timeout }] = (await source.query('PRAGMA busy_timeout')) as [{ timeout: number }];
  // Waiting inside SQLite would block the event loop, and with it a migration that runs in this very process.
  await source.query('PRAGMA busy_timeout = 0');
  const deadline = Date.now() + lockSeconds * 1_000;
  for (;;) {
    try {
      await source.query('BEGIN IMMEDIATE');
      break;
    } catch (error) {
      if (!isContention(error) || Date.now() > deadline) throw error;
      await delay(retryMs);
    }
  }
  await source.query(`PRAGMA busy_timeout = ${timeout}`);
}
