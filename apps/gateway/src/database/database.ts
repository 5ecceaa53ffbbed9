import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, Repository } from 'typeorm';
import { isContention } from './database-errors.ts';
import { GroupCommit, type Ending } from './group-commit.ts';

const attempts = 10;
const pauseMs = 20;
const longestPauseMs = 100;
/** How long another program may hold the lock of SQLite, a backup or a shell, before what waits for it fails. */
const usualLockWaitMs = 5_000;

type Work<T> = (manager: EntityManager) => Promise<T>;

/** What is asked for, in the context of who asks: whoever commits for many has another. */
interface Member<T> {
  readonly work: Work<T>;
  /** To be called when the last run of the work has been committed. */
  readonly committed: () => void;
}

/**
 * The database of the gateway. Reads go through `repository`; every write is inside a `transaction`.
 *
 * SQLite has one connection for writes, whose transactions wait for each other here, and one that only reads: TypeORM
 * would otherwise weave two transactions, or a lone write, into one. Those that wait are committed together.
 */
export class Database {
  private readonly reads: DataSource;
  private readonly writes: DataSource;
  /** What the open transaction has done after it. */
  private readonly inTransaction = new AsyncLocalStorage<(() => void)[]>();
  private readonly group = new GroupCommit<Member<unknown>>({
    together: (members, askedAtMs) => this.attempt(() => this.together(members), this.untilLate(askedAtMs)),
    alone: ({ work }, askedAtMs) => this.attempt(() => this.inSqlite(work), this.untilLate(askedAtMs)),
  });

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
  async transaction<T>(work: Work<T>): Promise<T> {
    if (this.inTransaction.getStore()) throw new Error('a transaction is already open: pass its manager on');
    const member = this.member(work);
    const value = await (this.engine === 'mysql' ? this.inMysql(member.work) : this.group.add(member));
    member.committed();
    return value as T;
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
    await this.group.idle();
    if (this.reads.isInitialized) await this.reads.destroy();
    if (this.writes.isInitialized) await this.writes.destroy();
  }

  /** From when it was asked for: those who wait in turn wait together, and not one after another. */
  private untilLate(askedAtMs: number): () => boolean {
    return () => performance.now() < askedAtMs + this.lockWaitMs;
  }

  private async attempt<T>(once: () => Promise<T>, mayTryAgain: (attempt: number) => boolean): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once();
      } catch (error) {
        if (!isContention(error) || !mayTryAgain(attempt)) throw error;
        // At random, so that those who met do not meet again.
        await delay(Math.random() * Math.min(pauseMs * attempt, longestPauseMs));
      }
    }
  }

  private member<T>(work: Work<T>): Member<T> {
    const asWhoAsks = AsyncLocalStorage.snapshot();
    let after: (() => void)[] = [];
    return {
      work: (manager) => {
        after = [];
        return asWhoAsks(() => this.inTransaction.run(after, () => work(manager)));
      },
      committed: () => {
        for (const then of after) then();
      },
    };
  }

  private inMysql<T>(work: Work<T>): Promise<T> {
    // Gap locks of the default level would make unrelated inserts deadlock.
    return this.attempt(
      () => this.writes.transaction('READ COMMITTED', work),
      (attempt) => attempt < attempts,
    );
  }

  /** Each of them as a whole or not at all, and all that succeed in one commit. */
  private together(members: readonly Member<unknown>[]): Promise<Ending[]> {
    return this.inSqlite(async (manager) => {
      const endings: Ending[] = [];
      for (const { work } of members) endings.push(await this.apart(manager, work));
      return endings;
    });
  }

  private async apart(manager: EntityManager, work: Work<unknown>): Promise<Ending> {
    await manager.query('SAVEPOINT apart');
    try {
      const value = await work(manager);
      await manager.query('RELEASE apart');
      return { value };
    } catch (error) {
      if (isContention(error)) throw error;
      // Where SQLite has ended the whole transaction, this fails as well.
      await manager.query('ROLLBACK TO apart');
      await manager.query('RELEASE apart');
      return { error };
    }
  }

  private async inSqlite<T>(work: Work<T>): Promise<T> {
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
