import { chmod } from 'node:fs/promises';
import SqliteDriver from 'better-sqlite3';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { Database } from './database.ts';
import { entities } from './entities.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations.ts';

/** How long SQLite itself waits for a lock, and with it the whole process: at the start, when nobody is served yet. */
const busyTimeoutMs = 5_000;
/** The same of a read later on. Readers wait for nobody but one who opens or closes the file just then. */
const readTimeoutMs = 100;
const sqliteScheme = 'sqlite:';

const common = { entities, migrations, synchronize: false, migrationsTableName: 'migrations', logging: false } as const;

interface Pragmas {
  pragma(text: string): unknown;
}

const durable = (connection: Pragmas): void => {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
};

function sqliteOptions(path: string, prepareDatabase: (connection: Pragmas) => unknown): DataSourceOptions {
  return {
    ...common,
    type: 'better-sqlite3',
    driver: SqliteDriver,
    database: path,
    timeout: busyTimeoutMs,
    prepareDatabase: (connection: unknown) => void prepareDatabase(connection as Pragmas),
  };
}

function mysqlOptions(url: string): DataSourceOptions {
  return {
    ...common,
    type: 'mysql',
    url,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    poolSize: 10,
    connectTimeout: 10_000,
    extra: { idleTimeout: 60_000 },
  };
}

/** Of one connection, or pool, to the database of that URL. */
export const dataSourceOptions = (url: string): DataSourceOptions =>
  url.startsWith(sqliteScheme) ? sqliteOptions(url.slice(sqliteScheme.length), durable) : mysqlOptions(url);

/**
 * Opens the database and brings its tables up to date.
 *
 * SQLite runs in WAL mode with `synchronous = FULL`: a commit is on the disk before it returns, so an acknowledged
 * operation survives the kill of the process and the loss of power alike. It costs one fsync, about 0.2 ms on an SSD.
 */
export async function openDatabase(url: string, lockWaitMs?: number): Promise<Database> {
  const writes = await new DataSource(dataSourceOptions(url)).initialize();
  try {
    await closeToOthers(url);
    await migrate(writes);
    const reads = await readsOf(url, writes);
    if (writes.options.type !== 'mysql') {
      // From here on it is waited for outside, where the others are served meanwhile.
      await writes.query('PRAGMA busy_timeout = 0');
      await reads.query(`PRAGMA busy_timeout = ${readTimeoutMs}`);
    }
    return new Database(reads, writes, lockWaitMs);
  } catch (error) {
    await writes.destroy();
    throw error;
  }
}

/** The file of an earlier release, which anybody on the machine could read; those beside it take over its mode. */
async function closeToOthers(url: string): Promise<void> {
  if (!url.startsWith(sqliteScheme)) return;
  const path = url.slice(sqliteScheme.length);
  for (const file of [path, `${path}-wal`, `${path}-shm`])
    await chmod(file, 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
}

async function readsOf(url: string, writes: DataSource): Promise<DataSource> {
  if (!url.startsWith(sqliteScheme)) return writes;
  const readOnly = (connection: Pragmas) => connection.pragma('query_only = ON');
  return new DataSource(sqliteOptions(url.slice(sqliteScheme.length), readOnly)).initialize();
}
