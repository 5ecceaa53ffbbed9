import { ProblemError } from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import { pause } from '../client/back-off.ts';
import { until } from '../client/patience.ts';
import { isConflict } from '../client/prism-client.ts';
import type { Tasks } from '../client/tasks.ts';
import { PrismError, PrismTimeoutError, PrismUnreachableError, TaskFailedError } from '../client/prism-error.ts';

export interface TaskStep {
  /** Unique within the operation: `create the VM`. */
  readonly name: string;
  /** The call, without secrets: `POST /vms`. */
  readonly native: string;
  /** Looks, then asks Prism for it. Answers the task; undefined when there is nothing (more) to do. */
  ask(): Promise<string | undefined>;
  /** Takes back what came of it, also of a task that nobody noted. */
  undo?(signal: AbortSignal): Promise<void>;
  /** Resolves when Prism shows what the task has done. */
  shown?(): Promise<void>;
  /** Whether what was wanted is true although the task has failed, or cannot be looked at. */
  holds?(): Promise<boolean>;
  /** Share of the whole operation that is done before and after, in percent. */
  readonly progress?: readonly [from: number, to: number];
}

/** Between two tries that each were patient; to be seen by whoever waits for the VM. */
const ASK_AGAIN_MS = 100;

const isHeld = (error: unknown): boolean =>
  isConflict(error) || (error instanceof ProblemError && error.code === 'vm-busy');

/** A change on Prism is two steps: to ask, whose result is the task, and to wait. A process that dies in between goes on waiting. */
export class TaskSteps {
  readonly #tasks: Tasks;
  readonly #settleMs: number;

  /** `settleMs` is how long what a task does may take to show where Prism does not show the task. */
  constructor(tasks: Tasks, { settleMs }: { settleMs: number }) {
    this.#tasks = tasks;
    this.#settleMs = settleMs;
  }

  /** Whether Prism had anything to do. */
  async run(context: OperationContext, step: TaskStep): Promise<boolean> {
    const { journal, signal } = context;
    const { name, native, undo, progress: [from, to] = [0, 0] } = step;
    const tell = (percent: number) => {
      if (to > 0) context.progress(from + ((to - from) * Math.min(100, percent)) / 100);
    };
    let open: string | null = null;
    const takeBack = async (undoing: AbortSignal) => {
      // What is still under way would come about afterwards.
      if (open !== null) {
        await this.#tasks.abort(open);
        await this.#tasks.settled(open, undoing);
      }
      await undo?.call(step, undoing);
    };
    const task = await journal.step({
      name,
      native,
      act: async (isRepeat) => (await this.#ask(step, isRepeat, signal)) ?? null,
      ...(undo === undefined ? {} : { undo: takeBack }),
    });
    open = task;
    await journal.step({
      name: `${name}: wait until it is done`,
      native: 'GET /tasks/{uuid}',
      act: async () => {
        if (task !== null) await this.#wait(task, step, signal, tell);
        await step.shown?.();
      },
    });
    open = null;
    tell(100);
    return task !== null;
  }

  /** Without an answer Prism may have done it all the same; to ask again is to look first. */
  async #ask(step: TaskStep, isRepeat: boolean, signal: AbortSignal): Promise<string | undefined> {
    if (isRepeat) return this.#askAgain(step, signal);
    const { unanswered } = this.#tasks;
    try {
      return await step.ask();
    } catch (error) {
      signal.throwIfAborted();
      const isLost =
        error instanceof PrismUnreachableError ||
        error instanceof PrismTimeoutError ||
        (isHeld(error) && this.#tasks.unanswered > unanswered);
      if (!isLost) throw error;
      return this.#askAgain(step, signal);
    }
  }

  /** What holds the VM may be what was asked for before, so it is waited for as long as any task of ours. */
  async #askAgain(step: TaskStep, signal: AbortSignal): Promise<string | undefined> {
    for (const until = performance.now() + this.#tasks.limitMs; ;) {
      try {
        return await step.ask();
      } catch (error) {
        if (!isHeld(error) || performance.now() > until) throw error;
      }
      await pause(ASK_AGAIN_MS, signal);
    }
  }

  async #wait(task: string, step: TaskStep, signal: AbortSignal, progress: (percent: number) => void): Promise<void> {
    try {
      await this.#tasks.succeeded(task, signal, progress);
    } catch (error) {
      if (!(await this.#holds(step, error, signal))) throw error;
    }
  }

  /** A task that has failed is over; one that Prism does not show may still be under way. */
  async #holds(step: TaskStep, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (error instanceof TaskFailedError) return (await step.holds?.()) === true;
    if (!(error instanceof PrismError) || !step.holds) return false;
    return (await until(async () => step.holds?.(), signal, this.#settleMs)) === true;
  }
}
