import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, Repository } from 'typeorm';
import { isContention } from './database-errors.ts';

const attempts = 10;
const pauseMs = 20;
const longestPauseMs = 100;
/** How long another program may hold the lock of SQLite, a backup or a shell, before what waits for it fails. */
const usualLockWaitMs = 5_000;

/**
 * The database of the gateway. Reads go through `repository`; every write is inside a `transaction`.
 *
 * SQLite has one connection for writes, whose transactions wait for each other here, and one that only reads: TypeORM
 * would otherwise weave two transactions, or a lone write, into one.
 */
export class Database {
  private readonly reads: DataSource;
  private readonly writes: DataSource;
  /** What the open transaction has done after it. */
  private readonly inTransaction = new AsyncLocalStorage<(() => void)[]>();
  private turn: Promise<unknown> = Promise.resolve();

  /** `reads` and `writes` are the same pool where the server itself isolates transactions. */
  constructor(
    reads: DataSource,
    writes: DataSource,
    private readonly lockWaitMs = usualLockWaitMs,
  ) {
    this.reads = reads;
    this.writes = writes;
  }

  get engine(): 'sqlite' | 'mysql' {
    return this.writes.options.type === 'mysql' ? 'mysql' : 'sqlite';
  }

  /** For reading what has been committed. */
  repository<Entity extends ObjectLiteral>(entity: EntityTarget<Entity>): Repository<Entity> {
    return this.reads.getRepository(entity);
  }

  /**
   * Runs `work` in one transaction: all of it, or nothing. It may run more than once, because the loser of a deadlock
   * starts again; so it touches nothing but the database. It must not open another transaction.
   */
  async transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    if (this.inTransaction.getStore()) throw new Error('a transaction is already open: pass its manager on');
    if (this.engine === 'mysql') return this.attempt(work, (attempt) => attempt < attempts);
    // From when it was asked for: those who wait in turn wait together, and not one after another.
    const deadline = performance.now() + this.lockWaitMs;
    return this.inTurn(() => this.attempt(work, () => performance.now() < deadline));
  }

  /** Has something done once the transaction that is open has been committed: never when it is rolled back. */
  onCommit(work: () => void): void {
    const committed = this.inTransaction.getStore();
    if (!committed) throw new Error('no transaction is open');
    committed.push(work);
  }

  /** Throws when the database does not answer. */
  async ping(): Promise<void> {
    await this.reads.query('SELECT 1');
  }

  async close(): Promise<void> {
    await this.turn.catch(() => undefined);
    if (this.reads.isInitialized) await this.reads.destroy();
    if (this.writes.isInitialized) await this.writes.destroy();
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    // The next in turn does not care how the one before it ended; its own caller does.
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async attempt<T>(
    work: (manager: EntityManager) => Promise<T>,
    mayTryAgain: (attempt: number) => boolean,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(work);
      } catch (error) {
        if (!isContention(error) || !mayTryAgain(attempt)) throw error;
        // At random, so that those who met do not meet again.
        await delay(Math.random() * Math.min(pauseMs * attempt, longestPauseMs));
      }
    }
  }

  private async once<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const committed: (() => void)[] = [];
    const result = await this.inTransaction.run(committed, () =>
      this.engine === 'mysql'
        ? // Gap locks of the default level would make unrelated inserts deadlock.
          this.writes.transaction('READ COMMITTED', work)
        : this.onceInSqlite(work),
    );
    for (const then of committed) then();
    return result;
  }

  private async onceInSqlite<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await this.writes.transaction(async (manager) => {
        // Takes the write lock at once. A transaction that begins by reading could not wait for it later.
        await manager.query('DELETE FROM "migrations" WHERE 0');
        return work(manager);
      });
    } catch (error) {
      await this.endTransaction();
      throw error;
    }
  }

  /**
   * SQLite itself ends a transaction when the disk is full. TypeORM counts it on, since its own rollback then fails: later ones
   * would be parts of it, and none of them would ever be committed.
   */
  private async endTransaction(): Promise<void> {
    const runner = this.writes.createQueryRunner();
    const { inTransaction } = (await runner.connect()) as { inTransaction: boolean };
    if (inTransaction) await runner.query('ROLLBACK');
    Object.assign(runner, { isTransactionActive: false, transactionDepth: 0 });
  }
}
