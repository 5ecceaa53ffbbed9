import { asProblemError, ProblemError } from '@polyvirt/contracts';
import type { Journal, Json, Step } from '@polyvirt/hypervisor';
import { isAway } from './host-patience.ts';
import type { JournalStep } from './journal-entry.ts';
import type { JournalRecord } from './journal-record.ts';
import { safeProblem, safeText } from './safe-text.ts';

/** What a step that has begun wants done when the operation is taken back. */
export interface Undo {
  readonly step: JournalStep;
  run(signal: AbortSignal): Promise<void>;
}

export interface OperationJournalHooks {
  /** Of the operation. */
  readonly signal: AbortSignal;
  /** Whether the agent stops: what fails now fails because of that, and is not noted. */
  isStopping(): boolean;
  /** Every step that a process before began has been come by. */
  onReplayed(): void;
  /** The journal knows of a step more. */
  onStepBegin(): void;
}

/** The journal as a driver sees it, kept in the record of the operation. */
export class OperationJournal implements Journal {
  /** In the order the steps began. */
  readonly undos: Undo[] = [];
  readonly #come = new Set<string>();
  /** Begun by a process before, and not yet come by. */
  readonly #awaited: Set<JournalStep>;

  constructor(
    private readonly record: JournalRecord,
    private readonly hooks: OperationJournalHooks,
  ) {
    this.#awaited = new Set(record.entry.steps);
    if (this.#awaited.size === 0) hooks.onReplayed();
  }

  /** Steps that made something which nothing here knows how to take back. */
  get lost(): JournalStep[] {
    return [...this.#awaited].filter(({ revocable, undone }) => revocable && !undone);
  }

  async step<Result extends Json | void>(step: Step<Result>): Promise<Result> {
    if (this.#come.has(step.name)) throw new Error(`two steps of one operation are called ${step.name}`);
    this.#come.add(step.name);
    const { entry } = this.record;
    const known = entry.steps.find(({ name }) => name === step.name);
    // A step that began in a process that died may have made something, so it is taken back even if it never runs again.
    if (known) {
      this.#noteUndo(known, step);
      this.#awaited.delete(known);
      if (this.#awaited.size === 0) this.hooks.onReplayed();
    }
    if (known && (known.status === 'succeeded' || known.status === 'undone')) return known.result as Result;
    if (known?.problem) throw ProblemError.from(known.problem);

    if (known && step.once) {
      // Written with the next save; until then a repeat presumes the same.
      Object.assign(known, { status: 'succeeded', presumed: true });
      return undefined as Result;
    }
    if (entry.takingBack) throw ProblemError.from(entry.takingBack.problem);
    this.hooks.signal.throwIfAborted();
    const now = this.#begin(known, step);
    this.hooks.onStepBegin();
    // What the steps before answered is written with it: nothing acts on a result that a crash could lose.
    await this.record.save();
    this.hooks.signal.throwIfAborted();
    if (!known) this.#noteUndo(now, step);
    return this.#act(now, step, known !== undefined);
  }

  #begin(known: JournalStep | undefined, { name, native, undo }: Step<Json | void>): JournalStep {
    const startedAt = new Date().toISOString();
    if (known) return Object.assign(known, { startedAt });
    const begun: JournalStep = {
      name,
      status: 'running',
      startedAt,
      ...(native !== undefined && { native: safeText(native, this.record.entry.command.input) }),
      ...(undo && { revocable: true }),
    };
    this.record.entry.steps.push(begun);
    return begun;
  }

  async #act<Result extends Json | void>(noted: JournalStep, step: Step<Result>, isRepeat: boolean): Promise<Result> {
    const began = performance.now();
    const note = (fields: Partial<JournalStep>) =>
      Object.assign(noted, fields, { durationMs: Math.round(performance.now() - began) });
    try {
      const result = await step.act(isRepeat);
      // What a repeat will be given is what everybody is given.
      const kept = result === undefined ? undefined : (JSON.parse(JSON.stringify(result)) as Json);
      note({ status: 'succeeded', ...(kept !== undefined && { result: kept }) });
      return kept as Result;
    } catch (error) {
      // What a host that went away has done of it is seen when it is there again, as after the end of a process.
      const isUnsettled = isAway(error) && !step.once;
      if (!this.hooks.isStopping() && !isUnsettled) {
        const { requestId, input } = this.record.entry.command;
        note({ status: 'failed', problem: safeProblem(asProblemError(error).toProblem(requestId), input) });
      }
      throw error;
    }
  }

  #noteUndo(noted: JournalStep, step: Step<Json | void>): void {
    const { undo } = step;
    if (undo && !noted.undone) this.undos.push({ step: noted, run: (signal) => undo.call(step, signal) });
  }
}
