import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@polyvirt/bus';
import type { Logger } from 'pino';
import { In, IsNull, LessThan, MoreThan, Not, type FindOptionsWhere } from 'typeorm';
import { Database } from '../database/database.ts';
import { HouseClock } from '../house-clock.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { BatchEntity } from './batch.entity.ts';
import { OperationEndings } from './operation-endings.ts';
import { OperationEntity } from './operation.entity.ts';
import { Operations } from './operations.ts';

/** A row that is younger is being published by the process that wrote it. */
const unpublishedMs = 2_000;
/** An agent that has just begun is given the time to say so. */
const overdueMs = 2_000;
const cleanEveryMs = 10 * 60_000;
const keptMs = 30 * 24 * 3_600_000;
const most = 200;

/** Finds what a process that was killed has left: operations that were not published, or that nobody began in time. */
@Injectable()
export class OperationSweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();
  private isSweeping = false;
  private cleanedAtMs = 0;

  constructor(
    private readonly clock: HouseClock,
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly operations: Operations,
    private readonly endings: OperationEndings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.tick(), this.times.operationSweepMs).unref();
    this.tick();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.sweeping;
  }

  private tick(): void {
    if (this.isSweeping || !this.bus.isConnected) return;
    this.isSweeping = true;
    this.sweeping = this.sweep(this.clock.now())
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted) this.logger.error({ err }, 'sweeping operations failed');
      })
      .finally(() => {
        this.isSweeping = false;
      });
  }

  async sweep(nowMs: number): Promise<void> {
    // What is overdue is ended rather than published.
    for await (const row of this.each({ status: 'pending', notAfter: LessThan(nowMs - overdueMs) }))
      await this.endings.expire(row, this.stopping.signal);
    const unpublished = { publishedAt: IsNull(), createdAt: LessThan(nowMs - unpublishedMs) };
    const rows = await this.find(unpublished);
    await Promise.all(rows.map((row) => this.operations.publish(row)));
    if (nowMs - this.cleanedAtMs < cleanEveryMs) return;
    this.cleanedAtMs = nowMs;
    await this.forget(nowMs - keptMs);
  }

  /** What an agent has begun and is away with stays, so it must not stand before what comes after it. */
  private async *each(where: FindOptionsWhere<OperationEntity>): AsyncGenerator<OperationEntity> {
    let rows: OperationEntity[] = [];
    do {
      rows = await this.find({ ...where, id: MoreThan(rows.at(-1)?.id ?? '') });
      yield* rows;
    } while (rows.length === most);
  }

  private find(where: FindOptionsWhere<OperationEntity>): Promise<OperationEntity[]> {
    return this.database.repository(OperationEntity).find({ where, order: { id: 'ASC' }, take: most });
  }

  private async forget(beforeMs: number): Promise<void> {
    for (;;) {
      const old = await this.find({ endedAt: LessThan(beforeMs), publishedAt: Not(IsNull()) });
      if (old.length === 0) return;
      const ids = old.map(({ id }) => id);
      await this.database.transaction(async (manager) => {
        await manager.delete(OperationEntity, { id: In(ids) });
        await manager.delete(BatchEntity, { id: In(ids) });
      });
    }
  }
}
