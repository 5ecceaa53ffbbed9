import { Logger } from '@nestjs/common';
import { Redeliver } from '@polyvirt/bus';
import {
  asProblemError,
  ProblemError,
  type Capacity,
  type Command,
  type OperationOutcome,
  type Problem,
} from '@polyvirt/contracts';
import type { Inventory, Seen } from '../inventory/inventory.ts';
import { casualty, consequences, type Aftermath } from './aftermath.ts';
import type { OwnEntry } from './journal-entry.ts';
import type { JournalRecord } from './journal-record.ts';
import { doubtsOf, remainsOf, resultOf } from './operation-result.ts';
import type { Done, RunningOperation } from './running-operation.ts';
import { safeCause, safeProblem, safeText } from './safe-text.ts';
import type { Ending } from './take-back.ts';
import type { Telling } from './telling.ts';

const log = new Logger('Operations');

export interface OutcomesOptions {
  readonly inventory: Inventory;
  /** What the host can carry. */
  readonly capacity: () => Capacity;
  /** Of the agent: what it cannot end any more, the next one ends. */
  readonly signal: AbortSignal;
}

/** Says how an operation ends, by what its driver answered and by a look at the VM. */
export class Outcomes {
  readonly #options: OutcomesOptions;

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  /** What an operation is taken back with. */
  endingOf(running: RunningOperation, error: unknown): Ending {
    const { operationId, requestId, input } = running.command;
    const isCancelled = running.stopReason === 'cancel' || running.stopReason === 'cut';
    // Whatever a driver makes of an abort, its reason is the cause.
    const cause = running.stopReason === undefined ? error : running.signal.reason;
    const problem = asProblemError(cause);
    if (problem.code === 'internal')
      log.error(safeCause(problem.cause ?? problem, input), `operation ${operationId}, request ${requestId}`);
    else if (problem.cause !== undefined)
      log.warn(safeCause(problem.cause, input), `operation ${operationId}, request ${requestId}`);
    return {
      status: isCancelled ? 'cancelled' : 'failed',
      problem: { ...safeProblem(problem.toProblem(requestId), input), operationId },
    };
  }

  async success(
    running: RunningOperation,
    { entry }: JournalRecord,
    telling: Telling,
    { effect, made, result, alsoHappened = [] }: Done,
  ): Promise<OperationOutcome> {
    const { nativeId: asked } = running.command;
    const nativeId = made ?? asked;
    const seen = nativeId === undefined ? undefined : await this.#look(nativeId);
    const aftermath: Aftermath = {
      verb: running.command.verb,
      before: made === undefined ? entry.stateBefore : undefined,
      after: seen?.record,
    };
    const { inventory, capacity } = this.#options;
    const casualties = casualty(aftermath);
    const following = casualties ? [] : consequences(aftermath, inventory.records(), capacity());
    const notes = [...(result?.notes ?? []), ...doubtsOf(entry), ...following].map((note) =>
      safeText(note, running.command.input),
    );
    // A source that was cloned is told of too, and it is not the VM that was made.
    const source = asked === undefined ? undefined : this.#options.inventory.find(asked)?.record;
    for (const { definition, extras } of alsoHappened) {
      const record = seen && made === undefined ? seen.record : source;
      const more = record && (extras ? extras(record) : {});
      if (!record || !more) continue;
      const { operationId, requestedBy } = running.command;
      await telling.about(definition, record.id, { vm: record, operationId, requestedBy, ...more });
    }
    return {
      ...(casualties
        ? { status: 'failed', error: this.endingOf(running, casualties).problem }
        : { status: 'succeeded' }),
      endedAt: now(),
      changed: effect === 'changed' || hasMovedOn(entry, seen),
      ...resultOf(entry, { made, result }, notes, seen?.record),
      ...(seen?.revision !== undefined && { revision: seen.revision }),
    };
  }

  async failure(
    running: RunningOperation,
    { entry }: JournalRecord,
    { status, problem }: Ending,
    notes: string[],
  ): Promise<OperationOutcome> {
    const { nativeId } = running.command;
    const seen = nativeId === undefined ? undefined : await this.#look(nativeId);
    return {
      status,
      endedAt: now(),
      ...(status === 'failed' && { error: problem }),
      ...remainsOf(entry, notes, seen?.record),
      ...(seen?.revision !== undefined && { revision: seen.revision }),
    };
  }

  /** An operation ends also on a host that has just become unusable; the reconciliation catches up. */
  async #look(nativeId: string): Promise<Seen | undefined> {
    try {
      return await this.#options.inventory.look(nativeId);
    } catch (error) {
      if (this.#options.signal.aborted) throw new Redeliver();
      log.warn(`Could not look at ${nativeId} after its operation: ${(error as Error).message}`);
      return undefined;
    }
  }
}

const now = () => new Date().toISOString();

export const failure = (error: Problem): OperationOutcome => ({ status: 'failed', endedAt: now(), error });

export const expired = ({ requestId, operationId, notAfter }: Command): OperationOutcome =>
  failure({
    ...new ProblemError('expired', `It was to begin before ${notAfter} and had not by then. Ask again.`).toProblem(
      requestId,
    ),
    operationId,
  });

/**
 * After a crash a driver may find everything as asked because the process that died had done it: then the record has
 * changed since the operation began.
 */
const hasMovedOn = ({ attempts, revisionBefore }: OwnEntry, seen: Seen | undefined): boolean =>
  attempts > 1 && seen !== undefined && seen.revision !== revisionBefore;
