import { Logger } from '@nestjs/common';
import { Redeliver } from '@polyvirt/bus';
import { asProblemError } from '@polyvirt/contracts';
import type { HostPatience } from './host-patience.ts';
import type { OwnEntry } from './journal-entry.ts';
import type { JournalRecord } from './journal-record.ts';
import type { OperationJournal } from './operation-journal.ts';
import { safeCause, safeText } from './safe-text.ts';

/** How long one undo may take. */
const undoWithinMs = 5 * 60_000;

const log = new Logger('Operations');

/** How an operation ends when what it made has been taken back. */
export type Ending = NonNullable<OwnEntry['takingBack']>;

export interface TakingBack {
  readonly ending: Ending;
  readonly patience: HostPatience;
  /** Whether this process is to leave it to the next. */
  isLeaving(): boolean;
  onTakenBack(): void;
}

/**
 * Takes back what was made, the last first, and answers what could not be. That ends it: everything before is what that stands
 * on, and a disk must not go before the machine that writes to it. Throws `Redeliver` for the next process to go on.
 */
export async function takeBack(
  { undos, lost }: OperationJournal,
  record: JournalRecord,
  { ending, patience, isLeaving, onTakenBack }: TakingBack,
): Promise<string[]> {
  const { entry } = record;
  const undoOf = new Map(undos.map(({ step, run }) => [step, run]));
  const made = entry.steps.filter((step) => undoOf.has(step) || lost.includes(step)).reverse();
  if (undos.length > 0 && !entry.takingBack) {
    entry.takingBack = ending;
    await record.save();
  }
  for (const [index, step] of made.entries()) {
    if (isLeaving()) throw new Redeliver();
    const left = made.slice(index + 1).map(({ name }) => `"${name}" was not taken back: what came after it is there.`);
    const undo = undoOf.get(step);
    if (!undo) return [`"${step.name}" was not taken back: it could not be come by again.`, ...left];
    try {
      await patience.outlast(() => undo(AbortSignal.timeout(undoWithinMs)));
      step.undone = true;
      if (step.status !== 'failed') step.status = 'undone';
      await record.save();
      onTakenBack();
    } catch (error) {
      if (error instanceof Redeliver || isLeaving() || record.isLost) throw new Redeliver();
      log.error(
        safeCause(error, entry.command.input),
        `could not take back "${step.name}" of operation ${entry.command.operationId}`,
      );
      const why = safeText(asProblemError(error).message, entry.command.input);
      return [`Could not take back "${step.name}": ${why}`, ...left];
    }
  }
  return [];
}
