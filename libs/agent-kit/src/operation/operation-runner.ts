import { Logger } from '@nestjs/common';
import { Redeliver, type Bus } from '@polyvirt/bus';
import {
  commandOfVerb,
  ProblemError,
  type Command,
  type OperationId,
  type OperationOutcome,
} from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import { Turns } from '../turns.ts';
import { Ownership, type OwnershipOptions } from './ownership.ts';
import { HostPatience, type PatienceTimes } from './host-patience.ts';
import { compacted, type OwnEntry } from './journal-entry.ts';
import type { JournalRecord } from './journal-record.ts';
import { OperationJournal } from './operation-journal.ts';
import { expired, failure, Outcomes, type OutcomesOptions } from './outcomes.ts';
import { RunningOperation, type Done, type Work } from './running-operation.ts';
import { takeBack } from './take-back.ts';
import { causeOf, claimsOf, isCutBy, isStopByForce, targetOf } from './targets.ts';
import { Telling } from './telling.ts';

/** An operation that has taken so many agents down with it is given up. */
const maxAttempts = 20;
const log = new Logger('Operations');

/** By then two agents with one host id have found each other out, and one of them is left. */
const settledWithinMs = 10_000;

export interface OperationRunnerOptions extends OwnershipOptions, OutcomesOptions {
  readonly bus: Bus;
  readonly isHealthy: () => boolean;
  /** Resolves when the host is healthy. */
  readonly whenHealthy: () => Promise<void>;
  readonly patience: PatienceTimes;
  /** By how much the clock of the server is ahead of ours, once that is known. */
  readonly brokerAheadMs: () => number | undefined;
  /** Ends writing and publishing when the agent stops. */
  readonly signal: AbortSignal;
}

/**
 * Carries commands out at most once each, however often they are delivered and wherever the process dies. What decides is
 * the key of the operation in the journal: whoever makes it first has the operation, and everything that is needed to go
 * on is written there before it is done.
 */
export class OperationRunner {
  readonly #options: OperationRunnerOptions;
  readonly #ownership: Ownership;
  readonly #outcomes: Outcomes;
  readonly #running = new Map<OperationId, RunningOperation>();
  readonly #turns = new Turns();
  readonly #draining = new AbortController();
  readonly #lettingGo = new AbortController();
  #wakeIdle: (() => void)[] = [];

  constructor(options: OperationRunnerOptions) {
    this.#options = options;
    this.#ownership = new Ownership(options);
    this.#outcomes = new Outcomes(options);
  }

  get count(): number {
    return this.#running.size;
  }

  /** Of all that it has at hand, those that wait for their turn included. */
  get ids(): OperationId[] {
    return [...this.#running.keys()];
  }

  /** The same, as they were asked for. */
  get commands(): Command[] {
    return [...this.#running.values()].map(({ command }) => command);
  }

  /**
   * Begins, joins or goes on with an operation. Resolves when its command may be acknowledged; throws `Redeliver` when the
   * command has to come again.
   * @param storedAtMs  when the server stored the command, by its clock
   */
  run(command: Command, work: Work, storedAtMs?: number): Promise<void> {
    const known = this.#running.get(command.operationId);
    if (known) return known.done;
    if (this.#draining.signal.aborted) return Promise.reject(new Redeliver());
    const running = new RunningOperation(command, this.#beginBeforeMs(command, storedAtMs));
    this.#running.set(command.operationId, running);
    running.done = this.#run(running, work).finally(() => {
      this.#running.delete(command.operationId);
      if (this.#running.size === 0) for (const wake of this.#wakeIdle.splice(0)) wake();
    });
    return running.done;
  }

  /** Operations of the host that an agent has begun and not ended. */
  unfinished(): Promise<OwnEntry[]> {
    return this.#ownership.unfinished();
  }

  /**
   * Notes that an operation runs, or soon will again: what happens to its VM is its doing, until the answer is called.
   */
  expect(command: Command): () => void {
    return this.#options.inventory.causes.begin(targetOf(command), causeOf(command));
  }

  /**
   * Stops an operation at its next step, and has it taken back. Answers since when it is to stop, once a crash would not forget
   * that; undefined when it does not run here, or ends for another reason.
   */
  async cancel(operationId: OperationId): Promise<string | undefined> {
    const running = this.#running.get(operationId);
    return running && (await running.cancel('cancel')) ? running.cancelRequestedAt : undefined;
  }

  /** Ends an operation whose command cannot be carried out, unless somebody has it already. */
  async abandon(command: Command, detail: string): Promise<void> {
    if (this.#running.has(command.operationId)) return;
    const problem = new ProblemError('internal', detail).toProblem(command.requestId);
    const record = await this.#ownership.claim(command, failure(problem));
    if (record) await this.#tellEnd(record, this.#tellingOf(record));
  }

  /** From now on nothing is begun, and nothing waits for the host. */
  drain(): void {
    this.#draining.abort(new Redeliver());
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await new Promise<void>((resolve) => this.#wakeIdle.push(resolve));
  }

  /** Lets go of what runs, without ending it: the next agent goes on. */
  letGo(): void {
    this.drain();
    this.#lettingGo.abort(new Redeliver());
    for (const running of this.#running.values()) running.stop('drain');
  }

  async #run(running: RunningOperation, work: Work): Promise<void> {
    const { command } = running;
    const release = await this.#turnOf(running);
    let record: JournalRecord | undefined;
    try {
      if (this.#draining.signal.aborted) throw new Redeliver();
      const isLate = running.beginWithinMs === 0;
      record = await this.#ownership.claim(command, isLate ? expired(command) : undefined);
      if (!record) return;
      const telling = this.#tellingOf(record);
      if (record.entry.phase === 'running') await this.#carryOut(running, record, telling, work);
      await this.#tellEnd(record, telling);
    } catch (error) {
      throw record?.isLost ? new Redeliver(settledWithinMs) : error;
    } finally {
      release();
    }
  }

  /**
   * Waits until nothing else is done to what the operation claims; answers how to free it. A stop by force does not wait: it
   * ends what runs on the VM, which is taken back when the power is off, and whoever comes next waits for both.
   */
  async #turnOf(running: RunningOperation): Promise<() => void> {
    const { command } = running;
    const turn = this.#turns.take(claimsOf(command), this.#lettingGo.signal);
    if (!isStopByForce(command)) return turn;
    const busy = [...this.#running.values()].filter((one) => one !== running && isCutBy(one.command, command));
    const isOff = Promise.withResolvers<void>();
    for (const one of busy) {
      one.undoAfter = isOff.promise;
      void one.cancel('cut').catch((error: unknown) => log.warn(`Could not note a stop: ${String(error)}`));
    }
    if (busy.length === 0) return turn;
    return () => {
      isOff.resolve();
      turn.then((release) => release()).catch(() => undefined);
    };
  }

  async #carryOut(running: RunningOperation, record: JournalRecord, telling: Telling, work: Work): Promise<void> {
    const { entry } = record;
    telling.started();
    const forget = this.expect(running.command);
    const deadline = this.#deadlineOf(running, entry);
    try {
      // By the process before; what it had made is come by first.
      if (entry.cancelRequestedAt !== undefined) {
        running.cancelRequestedAt = entry.cancelRequestedAt;
        if (!entry.takingBack) running.stop('cancel');
      }
      const noted = running.noteCancelBy(async (requestedAt) => {
        if (entry.cancelRequestedAt !== undefined) return;
        entry.cancelRequestedAt = requestedAt;
        telling.progressed();
        await record.save();
      });
      if (noted) await noted;
      const outcome = await this.#outcomeOf(running, record, telling, work);
      await telling.all();
      entry.phase = 'ended';
      entry.outcome = outcome;
      await record.save();
    } finally {
      clearTimeout(deadline);
      forget();
    }
  }

  async #outcomeOf(
    running: RunningOperation,
    record: JournalRecord,
    telling: Telling,
    work: Work,
  ): Promise<OperationOutcome> {
    const { entry } = record;
    if (entry.attempts > maxAttempts) {
      const detail = `It was begun ${maxAttempts} times and the agent ended each time. What it made may be there still.`;
      return failure(new ProblemError('internal', detail).toProblem(entry.command.requestId));
    }
    const patience = new HostPatience(this.#draining.signal, this.#options.patience);
    let journal = this.#journalOf(running, record, telling);
    let done: Done | undefined;
    let ending = entry.takingBack;
    try {
      // What was begun can be gone on with, or taken back, only on a host that is there; what was not may wait to begin.
      const isBegun = entry.attempts > 1 || entry.steps.length > 0;
      // Nothing comes between the claim and the driver of a healthy host, not even the publication of the start.
      if (!this.#options.isHealthy())
        await patience.await(this.#options.whenHealthy(), running.signal, isBegun ? undefined : running.beginWithinMs);
      // Cancelled before its first step: nothing needs to be called.
      if (!ending && entry.steps.length === 0) running.signal.throwIfAborted();
      const call = () => {
        journal = this.#journalOf(running, record, telling);
        return work(this.#contextOf(running, record, telling, journal));
      };
      // A method that ends before it has come by all that was made leaves that to nobody.
      const working = patience.outlast(
        call,
        () => journal.lost.length > 0 || mayGoOn(running, entry),
        // An undo that nobody has come by would be lost.
        () => (journal.lost.length > 0 ? this.#draining.signal : running.signal),
      );
      done = await running.orLetGo(working, this.#options.patience.letGoWithinMs);
    } catch (error) {
      if (error instanceof Redeliver || running.stopReason === 'drain' || record.isLost) throw new Redeliver();
      ending ??= this.#outcomes.endingOf(running, error);
    }
    if (done && !ending) return this.#outcomes.success(running, record, telling, done);
    await running.undoAfter;
    const notes = await takeBack(journal, record, {
      ending: ending!,
      patience,
      isLeaving: () => running.stopReason === 'drain' || this.#options.signal.aborted,
      onTakenBack: () => telling.progressed(),
    });
    return this.#outcomes.failure(running, record, ending!, notes);
  }

  /**
   * An age that the clock of the server measures from end to end, put into terms of ours: the clock of whoever asked counts for
   * nothing. Commands of a gateway before this one have no age.
   */
  #beginBeforeMs({ notAfter, beginWithinMs }: Command, storedAtMs: number | undefined): number {
    const brokerAheadMs = this.#options.brokerAheadMs();
    if (beginWithinMs === undefined || storedAtMs === undefined || brokerAheadMs === undefined) {
      return Date.parse(notAfter);
    }
    return storedAtMs + beginWithinMs - brokerAheadMs;
  }

  #journalOf(running: RunningOperation, record: JournalRecord, telling: Telling): OperationJournal {
    return new OperationJournal(record, {
      signal: running.signal,
      isStopping: () => running.stopReason === 'drain',
      onReplayed: () => running.replayed(),
      onStepBegin: () => telling.progressed(),
    });
  }

  #contextOf(
    { command, signal }: RunningOperation,
    { entry }: JournalRecord,
    telling: Telling,
    journal: OperationJournal,
  ): OperationContext {
    return {
      operationId: command.operationId,
      signal,
      progress: (percent) => {
        const whole = Math.min(100, Math.round(percent));
        if (!(whole > entry.progress)) return;
        entry.progress = whole;
        telling.progressed();
      },
      journal,
    };
  }

  async #tellEnd(record: JournalRecord, telling: Telling): Promise<void> {
    await telling.ended();
    record.entry = compacted(record.entry);
    await record.save();
  }

  #tellingOf({ entry }: JournalRecord): Telling {
    return new Telling(this.#options.bus, this.#options.identity.host, entry, this.#options.signal);
  }

  /** Reckoned from when it began, whichever process that was in. */
  #deadlineOf(running: RunningOperation, { startedAt }: OwnEntry): NodeJS.Timeout {
    const { verb, input } = running.command;
    const limit = commandOfVerb(verb)?.limitSecondsOf(input) ?? 3_600;
    const leftMs = Date.parse(startedAt) + limit * 1_000 - Date.now();
    return setTimeout(() => running.stop('deadline'), Math.max(0, leftMs));
  }
}

/** Whether it may be called again when the host was away: what has begun while there is patience, what has not in its time. */
function mayGoOn(running: RunningOperation, { steps }: OwnEntry): boolean {
  if (steps.length === 0) return running.beginWithinMs > 0;
  // One that may be done once only has failed for good.
  return steps.every(({ problem }) => problem === undefined);
}
