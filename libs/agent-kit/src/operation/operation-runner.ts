import { Logger } from '@nestjs/common';
import { Redeliver, RevisionConflictError, type Bucket, type Bus } from '@polyvirt/bus';
import {
  asProblemError,
  commandOfVerb,
  hardwareOf,
  keys,
  ProblemError,
  type Capacity,
  type Command,
  type OperationId,
  type OperationOutcome,
  type Problem,
} from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import type { AgentIdentity } from '../host/identity.ts';
import type { Inventory, Seen } from '../inventory/inventory.ts';
import { Turns } from '../turns.ts';
import { casualty, consequences, type Aftermath } from './aftermath.ts';
import { HostPatience, type PatienceTimes } from './host-patience.ts';
import { compacted, isOwn, isUnfinished, type JournalEntry, type OwnEntry } from './journal-entry.ts';
import { JournalRecord } from './journal-record.ts';
import { OperationJournal } from './operation-journal.ts';
import { doubtsOf, remainsOf, resultOf } from './operation-result.ts';
import { RunningOperation, type Done, type Work } from './running-operation.ts';
import { safeCause, safeProblem, safeText } from './safe-text.ts';
import { takeBack, type Ending } from './take-back.ts';
import { causeOf, claimsOf, isCutBy, isStopByForce, targetOf } from './targets.ts';
import { Telling } from './telling.ts';

/** An operation that has taken so many agents down with it is given up. */
const maxAttempts = 20;
/** By then two agents with one host id have found each other out, and one of them is left. */
const settledWithinMs = 10_000;

const log = new Logger('Operations');

export interface OperationRunnerOptions {
  readonly bus: Bus;
  readonly journal: Bucket<JournalEntry>;
  readonly inventory: Inventory;
  readonly identity: AgentIdentity;
  readonly isHealthy: () => boolean;
  /** Resolves when the host is healthy. */
  readonly whenHealthy: () => Promise<void>;
  readonly patience: PatienceTimes;
  /** By how much the clock of the server is ahead of ours, once that is known. */
  readonly brokerAheadMs: () => number | undefined;
  /** What the host can carry. */
  readonly capacity: () => Capacity;
  /** Ends publications when the agent stops. */
  readonly signal: AbortSignal;
}

/**
 * Carries commands out at most once each, however often they are delivered and wherever the process dies. What decides is
 * the key of the operation in the journal: whoever makes it first has the operation, and everything that is needed to go
 * on is written there before it is done.
 */
export class OperationRunner {
  readonly #options: OperationRunnerOptions;
  readonly #running = new Map<OperationId, RunningOperation>();
  readonly #turns = new Turns();
  readonly #draining = new AbortController();
  readonly #lettingGo = new AbortController();
  #wakeIdle: (() => void)[] = [];

  constructor(options: OperationRunnerOptions) {
    this.#options = options;
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
  async unfinished(): Promise<OwnEntry[]> {
    const { journal, identity, signal } = this.#options;
    const entries = await journal.entries(keys.journalOf(identity.host), signal);
    return entries.map(({ value }) => value).filter(isUnfinished) as OwnEntry[];
  }

  /**
   * Notes that an operation runs, or soon will again: what happens to its VM is its doing, until the answer is called.
   */
  expect(command: Command): () => void {
    return this.#options.inventory.causes.begin(targetOf(command), causeOf(command));
  }

  /** Stops an operation at its next step, and has it taken back. False when it does not run here. */
  cancel(operationId: OperationId): boolean {
    const running = this.#running.get(operationId);
    if (!running || running.stopReason !== undefined) return false;
    running.stop('cancel');
    return true;
  }

  /** Ends an operation whose command cannot be carried out, unless somebody has it already. */
  async abandon(command: Command, detail: string): Promise<void> {
    if (this.#running.has(command.operationId)) return;
    const problem = new ProblemError('internal', detail).toProblem(command.requestId);
    const record = await this.#claim(command, { status: 'failed', endedAt: now(), error: problem });
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
      record = await this.#claim(command, isLate ? expired(command) : undefined);
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
      one.stop('cut');
    }
    if (busy.length === 0) return turn;
    return () => {
      isOff.resolve();
      turn.then((release) => release()).catch(() => undefined);
    };
  }

  /**
   * The record of an operation that is ours to go on with. Undefined when the gateway ended it before it began, or when it
   * has ended here and that was told.
   */
  async #claim(command: Command, outcome: OperationOutcome | undefined): Promise<JournalRecord | undefined> {
    const { journal, identity, inventory, signal } = this.#options;
    const key = keys.journal(identity.host, command.operationId);
    const before = command.nativeId === undefined ? undefined : inventory.find(command.nativeId);
    const fresh: OwnEntry = {
      command,
      incarnation: identity.incarnation,
      attempts: 1,
      startedAt: now(),
      ...(before && { revisionBefore: before.revision, stateBefore: before.record.state }),
      ...(before && commandOfVerb(command.verb)?.edits && { hardwareBefore: hardwareOf(before.record) }),
      phase: outcome ? 'ended' : 'running',
      progress: 0,
      steps: [],
      ...(outcome && { outcome }),
      told: false,
    };
    for (;;) {
      try {
        const revision = await journal.create(key, fresh, { signal });
        return new JournalRecord(journal, key, fresh, revision, signal);
      } catch (error) {
        if (!(error instanceof RevisionConflictError)) throw error;
      }
      const found = await journal.get(key, signal);
      if (!found) continue;
      if (!isOwn(found.value) || found.value.told) return undefined;
      const entry = { ...found.value, incarnation: identity.incarnation, attempts: found.value.attempts + 1 };
      const record = new JournalRecord(journal, key, entry, found.revision, signal);
      if (entry.phase === 'running' && outcome && outcome.error?.code !== 'expired')
        Object.assign(entry, { phase: 'ended', outcome });
      // Taken over before anything is done: an agent that was thought dead notices at its next write.
      await record.takeOver();
      return record;
    }
  }

  async #carryOut(running: RunningOperation, record: JournalRecord, telling: Telling, work: Work): Promise<void> {
    const { entry } = record;
    telling.started();
    const forget = this.expect(running.command);
    const deadline = this.#deadlineOf(running, entry);
    try {
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
      ending ??= this.#endingOf(running, error);
    }
    if (done && !ending) return this.#success(running, record, telling, done);
    await running.undoAfter;
    const notes = await takeBack(journal, record, {
      ending: ending!,
      patience,
      isLeaving: () => running.stopReason === 'drain' || this.#options.signal.aborted,
      onTakenBack: () => telling.progressed(),
    });
    return this.#failure(running, record, ending!, notes);
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

  #endingOf(running: RunningOperation, error: unknown): Ending {
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

  async #success(
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
        ? { status: 'failed', error: this.#endingOf(running, casualties).problem }
        : { status: 'succeeded' }),
      endedAt: now(),
      changed: effect === 'changed' || hasMovedOn(entry, seen),
      ...resultOf(entry, { made, result }, notes, seen?.record),
      ...(seen?.revision !== undefined && { revision: seen.revision }),
    };
  }

  async #failure(
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

const now = () => new Date().toISOString();

const failure = (error: Problem): OperationOutcome => ({ status: 'failed', endedAt: now(), error });

const expired = ({ requestId, operationId, notAfter }: Command): OperationOutcome =>
  failure({
    ...new ProblemError('expired', `It was to begin before ${notAfter} and had not by then. Ask again.`).toProblem(
      requestId,
    ),
    operationId,
  });

/** Whether it may be called again when the host was away: what has begun while there is patience, what has not in its time. */
function mayGoOn(running: RunningOperation, { steps }: OwnEntry): boolean {
  if (steps.length === 0) return running.beginWithinMs > 0;
  // One that may be done once only has failed for good.
  return steps.every(({ problem }) => problem === undefined);
}

/**
 * After a crash a driver may find everything as asked because the process that died had done it: then the record has
 * changed since the operation began.
 */
const hasMovedOn = ({ attempts, revisionBefore }: OwnEntry, seen: Seen | undefined): boolean =>
  attempts > 1 && seen !== undefined && seen.revision !== revisionBefore;
