import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@polyvirt/bus';
import { parseVmId, ProblemError, type Operation, type OperationId, type VmId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { In, LessThan } from 'typeorm';
import { AuthorRights } from '../auth/author-rights.ts';
import { isoTime } from '../database/columns.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { HouseClock } from '../house-clock.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { BatchEntity } from '../operations/batch.entity.ts';
import { OperationEndings } from '../operations/operation-endings.ts';
import { OperationEvents } from '../operations/operation-events.ts';
import { OperationEntity } from '../operations/operation.entity.ts';
import { OperationQueries } from '../operations/operation.queries.ts';
import { Operations } from '../operations/operations.ts';
import { partIdOf } from '../operations/part-id.ts';
import { batchCommand, batchVerb, movesOf, type BatchEnd, type BatchOrder, type Moves } from './batch-order.ts';
import { Commands } from './commands.ts';

/** A runner that was killed is replaced after this. */
const leaseMs = 10_000;

/**
 * Carries batches on: one gateway at a time for each, as its lease in the database says. What comes next follows from
 * the plan and the parts in the database, so that another gateway, or this one after a restart, goes on where it was.
 */
@Injectable()
export class BatchRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly me = randomUUID();
  private readonly stopping = new AbortController();
  private readonly running = new Map<OperationId, Promise<void>>();
  private readonly wakes = new Map<OperationId, () => void>();
  private timer: NodeJS.Timeout | undefined;
  private stopListening: (() => void)[] = [];

  constructor(
    private readonly clock: HouseClock,
    private readonly rights: AuthorRights,
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly operations: Operations,
    private readonly queries: OperationQueries,
    private readonly events: OperationEvents,
    private readonly endings: OperationEndings,
    private readonly commands: Commands,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onApplicationBootstrap(): void {
    this.stopListening = [
      this.operations.ends.onEnd(({ parent }) => {
        if (parent !== undefined) this.wakes.get(parent)?.();
      }),
      this.endings.onBatchCancelled((id) => this.wakes.get(id)?.()),
    ];
    this.timer = setInterval(() => void this.lookForBatches(), this.times.batchLookMs).unref();
    void this.lookForBatches();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    for (const stop of this.stopListening) stop();
    this.stopping.abort();
    await Promise.allSettled(this.running.values());
    // Another gateway need not wait for the leases to run out.
    await this.database.transaction((manager) => manager.update(BatchEntity, { runner: this.me }, { leaseUntil: 0 }));
  }

  carryOn(id: OperationId): void {
    if (this.running.has(id) || this.stopping.signal.aborted) return;
    const run = this.run(id)
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted) this.logger.error({ err, operationId: id }, 'a batch stands still');
      })
      .finally(() => this.running.delete(id));
    this.running.set(id, run);
  }

  /** Finds the batches of gateways that are gone. */
  private async lookForBatches(): Promise<void> {
    try {
      const rows = await this.database
        .repository(OperationEntity)
        .find({ where: { verb: batchVerb, status: In(['pending', 'running']) }, select: { id: true } });
      for (const { id } of rows) this.carryOn(id);
    } catch (err) {
      this.logger.error({ err }, 'cannot look for batches');
    }
  }

  private async run(id: OperationId): Promise<void> {
    const { signal } = this.stopping;
    let told = -1;
    while (!signal.aborted && (await this.lease(id))) {
      const wake = new Promise<void>((resolve) => this.wakes.set(id, resolve));
      const { plan: text, cancelledBy } = await this.database.repository(BatchEntity).findOneByOrFail({ id });
      const plan = JSON.parse(text) as BatchOrder;
      const moves = movesOf(plan, await this.queries.partsOf(id), cancelledBy !== null);
      if (moves.end) {
        await this.end(id, moves.end);
        break;
      }
      if (moves.progress !== told) await this.tell(id, moves.progress);
      told = moves.progress;
      await this.make(id, plan, moves);
      if (moves.ask.length === 0)
        await Promise.race([wake, delay(this.times.batchLookMs, undefined, { signal, ref: false })]);
    }
    this.wakes.delete(id);
  }

  private async make(id: OperationId, plan: BatchOrder, { ask, cancel }: Moves): Promise<void> {
    await Promise.all([
      ...ask.map((vmId) => this.ask(id, plan, vmId)),
      ...cancel.map((part) => this.cancel(part, plan)),
    ]);
  }

  /** A VM that cannot be asked is a part that has failed. */
  private async ask(batch: OperationId, order: BatchOrder, vmId: VmId): Promise<void> {
    const { action, input, annotation, whenOffline, author, credential } = order;
    const definition = batchCommand(action);
    const { verb } = definition;
    const { host } = parseVmId(vmId);
    const kinship = { id: partIdOf(batch, vmId), parent: batch };
    const asking = { ...kinship, author, options: { whenOffline } };
    try {
      const asked = async () => {
        if (credential) await this.rights.require(credential, definition.permission);
        await this.commands.ask(definition, { vmId }, { input, annotation }, asking);
      };
      await asked().catch(async (error: unknown) => {
        if (!(error instanceof ProblemError) || error.extras.operationId === kinship.id) throw error;
        await this.operations.settle({ ...kinship, verb, host, vmId, author, input, annotation, outcome: { error } });
      });
    } catch (error) {
      // The runner whose lease ran out was at it as well.
      const isAsked = isDuplicate(error) || (error instanceof ProblemError && error.extras.operationId === kinship.id);
      if (!isAsked) throw error;
    }
  }

  private async cancel(part: OperationId, { author }: BatchOrder): Promise<void> {
    try {
      await this.endings.cancel(part, author);
    } catch (error) {
      // It has ended, or its host is away: the next look shows it.
      if (!(error instanceof ProblemError)) throw error;
    }
  }

  private async tell(id: OperationId, progress: number): Promise<void> {
    const row = await this.queries.requireRow(id);
    if (row.publishedAt === null) await this.operations.publish(row);
    const operation = await this.present(id);
    await this.events.progressed({ ...operation, status: 'running', progress }, this.stopping.signal);
  }

  private async end(id: OperationId, end: BatchEnd): Promise<void> {
    const operation = await this.present(id);
    const endedAt = isoTime(this.clock.now());
    await this.events.ended({ ...operation, progress: 100, endedAt, ...end }, this.stopping.signal);
  }

  private async present(id: OperationId): Promise<Operation> {
    const operation = await this.queries.require(id);
    return { ...operation, startedAt: operation.startedAt ?? operation.createdAt };
  }

  /** Whether it is ours to carry on. */
  private async lease(id: OperationId): Promise<boolean> {
    await this.bus.whenConnected(this.stopping.signal);
    const leaseUntil = this.clock.now() + leaseMs;
    const lease = { runner: this.me, leaseUntil };
    return this.database.transaction(async (manager) => {
      const { affected } = await manager.update(BatchEntity, { id, runner: this.me }, lease);
      if (affected === 1) return true;
      const taken = await manager.update(BatchEntity, { id, leaseUntil: LessThan(this.clock.now()) }, lease);
      return taken.affected === 1;
    });
  }
}
