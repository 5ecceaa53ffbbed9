import { Inject, Injectable } from '@nestjs/common';
import { ask, Bus } from '@polyvirt/bus';
import {
  cancelOperation,
  isEnded,
  ProblemError,
  problems,
  type HostId,
  type Operation,
  type OperationId,
  type OperationOutcome,
  type OperationVerdict,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { Audit } from '../audit/audit.ts';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { HouseClock } from '../house-clock.ts';
import { LOGGER } from '../logger.ts';
import { Arbiter, type Journalled } from './arbiter.ts';
import { BatchEntity } from './batch.entity.ts';
import { OperationEvents } from './operation-events.ts';
import { OperationEntity, operationOf } from './operation.entity.ts';
import { advance } from './operation-state.ts';
import { OperationQueries } from './operation.queries.ts';
import type { Author } from './operations.ts';

/** How long a request may take to decide who has an operation. */
const decideWithinMs = 5_000;

/** Ends operations from outside: because somebody cancels them, nobody began them in time, or nobody has them any more. */
@Injectable()
export class OperationEndings {
  private readonly listeners = new Set<(batch: OperationId) => void>();

  constructor(
    private readonly clock: HouseClock,
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly arbiter: Arbiter,
    private readonly events: OperationEvents,
    private readonly queries: OperationQueries,
    private readonly audit: Audit,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Calls back when a batch is to be cancelled, on the gateway that was asked. */
  onBatchCancelled(listener: (batch: OperationId) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Throws `wrong-state` for an operation that has ended, `host-offline` when the agent that has it is away. */
  async cancel(id: OperationId, author: Author): Promise<Operation> {
    const row = await this.queries.requireRow(id);
    if (isEnded(row.status)) throw hasEnded(operationOf(row));
    await this.audit.note(author, { action: 'operation.cancel', outcome: 'accepted', target: id });
    const cancelRequestedAt = await this.requestCancel(row, author);
    const operation = await this.queries.require(id);
    // The event that says so may still be on its way.
    return cancelRequestedAt === undefined || isEnded(operation.status)
      ? operation
      : advance(operation, { ...operation, cancelRequestedAt });
  }

  /** Answers since when it is to stop; undefined for what had nobody to tell, and has ended. */
  private async requestCancel(row: OperationEntity, author: Author): Promise<string | undefined> {
    if (row.host === null) return this.cancelBatch(row, author);
    const isNobodys = row.status !== 'running';
    if (isNobodys && (await this.decide(row, 'cancelled', AbortSignal.timeout(decideWithinMs)))) return undefined;
    return this.cancelAtAgent(row, author);
  }

  /** Ends an operation whose time to begin is over. Nothing happens when an agent has begun it. */
  async expire(row: OperationEntity, signal: AbortSignal): Promise<void> {
    await this.decide(row, 'expired', signal);
  }

  /** Ends an operation that its agent has not got any more. Nothing happens when it has ended, or somebody has it after all. */
  async endLost(id: OperationId, journalled: Journalled, signal: AbortSignal): Promise<void> {
    const row = await this.queries.requireRow(id);
    if (isEnded(row.status)) return;
    const verdict = await this.arbiter.takeFrom(row.host!, id, journalled, signal);
    if (verdict) await this.carryOut(row, verdict, signal);
  }

  /** Ends whatever a host has begun or was to begin that was removed: nobody can decide otherwise any more. */
  async endAllOf(host: HostId, signal: AbortSignal): Promise<void> {
    const rows = await this.database.repository(OperationEntity).findBy([
      { host, status: 'pending' },
      { host, status: 'running' },
    ]);
    for (const row of rows) await this.carryOut(row, { ended: 'removed' }, signal);
  }

  private async decide(row: OperationEntity, wanted: 'cancelled' | 'expired', signal: AbortSignal): Promise<boolean> {
    const verdict = await this.arbiter.end(row.host!, row.id, wanted, signal);
    if (verdict === undefined) return false;
    await this.carryOut(row, verdict, signal);
    return true;
  }

  private async carryOut(row: OperationEntity, verdict: OperationVerdict, signal: AbortSignal): Promise<void> {
    const { revision, ...outcome } = verdict.outcome ?? outcomeOf(row, verdict.ended, isoTime(this.clock.now()));
    await this.events.ended({ ...operationOf(row), ...outcome }, signal, revision);
    this.logger.info({ operationId: row.id, verdict: verdict.ended }, 'ended an operation that no agent has');
  }

  private async cancelAtAgent({ id, host }: OperationEntity, { requestId }: Author): Promise<string | undefined> {
    const answer = await ask(this.bus, cancelOperation, host!, { operationId: id }, { requestId });
    if (answer.accepted) return answer.cancelRequestedAt;
    // It ends at this very moment, or its command has not come back to an agent that was restarted.
    const now = await this.queries.require(id);
    if (isEnded(now.status)) throw hasEnded(now);
    throw new ProblemError('unavailable', `The agent of ${host} is taking operation ${id} up again. Try again.`, {
      operationId: id,
    });
  }

  private async cancelBatch(row: OperationEntity, { actor }: Author): Promise<string> {
    const { id } = row;
    await this.database.transaction((manager) => manager.update(BatchEntity, { id }, { cancelledBy: actor }));
    for (const listener of this.listeners) listener(id);
    const known = operationOf(row);
    const cancelRequestedAt = known.cancelRequestedAt ?? isoTime(this.clock.now());
    const operation = { ...known, cancelRequestedAt };
    // It ends all the same when nobody hears of it.
    await this.events
      .cancelRequested(operation, AbortSignal.timeout(decideWithinMs))
      .catch((err: unknown) => this.logger.warn({ err, operationId: id }, 'cannot tell that a batch is to stop'));
    return cancelRequestedAt;
  }
}

function outcomeOf(
  { id, host, createdAt, startedAt, notAfter, requestId }: OperationEntity,
  ended: OperationVerdict['ended'],
  endedAt: string,
): OperationOutcome {
  const failed = (problem: ProblemError): OperationOutcome => ({
    status: 'failed',
    endedAt,
    error: problem.toProblem(requestId),
  });
  const about = { operationId: id };
  switch (ended) {
    case 'cancelled':
      return { status: 'cancelled', endedAt };
    case 'expired': {
      const before = isoTime(notAfter ?? createdAt);
      return failed(
        new ProblemError('expired', `No agent began this before ${before}. Ask again when the host is back.`, about),
      );
    }
    case 'removed':
      return failed(
        new ProblemError(
          'host-not-found',
          `The host ${host} was removed before this had ended. What was done by then stays: look at it there.`,
          about,
        ),
      );
    case 'lost': {
      const since = startedAt === null ? '' : `, which began at ${isoTime(startedAt)}`;
      return failed(
        new ProblemError(
          'internal',
          `The agent of ${host} is back and no longer has this operation${since}: nobody goes on with it. What it had done by then stays. Look at what is there, then ask again for what is missing.`,
          about,
        ),
      );
    }
  }
}

const hasEnded = ({ id, status, error }: Operation): ProblemError =>
  new ProblemError(
    'wrong-state',
    `Operation ${id} has ended already: ${error ? `${status}, ${problems[error.code].title.toLowerCase()}` : status}.`,
    { operationId: id },
  );
