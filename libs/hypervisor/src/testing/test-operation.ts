import { randomUUID } from 'node:crypto';
import { ProblemError } from '@polyvirt/contracts';
import type { Journal, Json, OperationContext, Step } from '../driver.ts';

/** Where a process dies: at the step of this number, before its work is done or when it is and nobody noted it. */
export interface Cut {
  readonly step: number;
  readonly moment: 'before' | 'after';
}

interface Entry {
  ended: boolean;
  result: Json | void;
}

/** One operation with its journal in memory, as an agent would run it. */
export class TestOperation implements OperationContext {
  readonly operationId: string;
  readonly progressed: number[] = [];
  readonly journal: Journal;
  /** Steps in the order they were come by in the last run. */
  steps: string[] = [];
  /** Kills the run at a step. */
  cut: Cut | undefined;
  /** Lets the step of this number fail when its work is done. */
  failAfter: number | undefined;
  /** Cancels when the step of this number has ended; -1 is before the first that no earlier process ended. */
  cancelAfter: number | undefined;

  readonly #entries: Map<string, Entry>;
  readonly #controller = new AbortController();
  #undos: ((signal: AbortSignal) => Promise<void>)[] = [];
  #died = false;

  constructor(operationId: string = randomUUID(), entries = new Map<string, Entry>()) {
    this.operationId = operationId;
    this.#entries = entries;
    this.journal = { step: (step) => this.#step(step) };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it is run to its end, for the first time. */
  get isWhole(): boolean {
    const isLeftAlone = [this.cut, this.failAfter, this.cancelAfter].every((knob) => knob === undefined);
    return this.#entries.size === 0 && isLeftAlone && !this.signal.aborted;
  }

  cancel(): void {
    this.#controller.abort(new ProblemError('host-rejected', 'Somebody cancelled it.'));
  }

  progress(percent: number): void {
    this.progressed.push(percent);
  }

  /** The same operation in the next process: it knows what the journal of this one knows. */
  again(): TestOperation {
    return new TestOperation(this.operationId, this.#entries);
  }

  /** Runs a driver method; when it throws, what it made is taken back, unless the process "died". */
  async run<Result>(method: (context: OperationContext) => Promise<Result>): Promise<Result> {
    this.steps = [];
    this.#undos = [];
    try {
      const result = await method(this);
      if (this.#died) throw new Error('the driver went on after its process had died');
      return result;
    } catch (error) {
      if (this.#died) throw new Death();
      const undoing = new AbortController();
      for (const undo of this.#undos.reverse()) await undo(undoing.signal);
      throw error;
    }
  }

  async #step<Result extends Json | void>(step: Step<Result>): Promise<Result> {
    const number = this.steps.length;
    if (this.steps.includes(step.name)) throw new Error(`two steps of one operation are called ${step.name}`);
    this.steps.push(step.name);
    const entry = this.#entries.get(step.name);
    const { undo } = step;
    const noteUndo = () => {
      if (undo) this.#undos.push((signal) => undo.call(step, signal));
    };
    // A step that began in a process that died may have made something, so it is taken back even if it never runs again.
    if (entry) noteUndo();
    if (entry && step.once) entry.ended = true;
    if (entry?.ended) return entry.result as Result;
    if (this.cancelAfter === -1) this.cancel();
    this.signal.throwIfAborted();
    this.#entries.set(step.name, { ended: false, result: undefined });
    if (this.cut?.step === number && this.cut.moment === 'before') this.#die();
    if (!entry) noteUndo();
    const result = await step.act(entry !== undefined);
    if (this.cut?.step === number && this.cut.moment === 'after') this.#die();
    if (this.failAfter === number) throw new ProblemError('host-rejected', `${step.name} was made to fail.`);
    // As a journal would keep it.
    const kept = result === undefined ? undefined : (JSON.parse(JSON.stringify(result)) as Json);
    this.#entries.set(step.name, { ended: true, result: kept });
    if (this.cancelAfter === number) this.cancel();
    return kept as Result;
  }

  #die(): never {
    this.#died = true;
    throw new Death();
  }
}

export class Death extends Error {
  constructor() {
    super('the process died here');
  }
}
