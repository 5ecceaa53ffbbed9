import {
  ProblemError,
  type Command,
  type EventDefinition,
  type NativeId,
  type OperationResult,
  type VmRecord,
} from '@polyvirt/contracts';
import type { Effect, OperationContext } from '@polyvirt/hypervisor';

/** Why an operation is told to stop. */
export type StopReason = 'cancel' | 'cut' | 'deadline' | 'drain';

/** What a driver method has done, in terms of operations. */
export interface Done {
  readonly effect: Effect;
  /** The VM that was made, when it is not the one the command names. */
  readonly made?: NativeId;
  readonly result?: Omit<OperationResult, 'vmId'>;
  /** What happened that no look at the VM can show; told with its record. */
  readonly alsoHappened?: readonly AlsoHappened[];
}

export interface AlsoHappened {
  readonly definition: EventDefinition;
  /** What the event carries beside the record; undefined when there is nothing to tell after all. */
  extras?(record: VmRecord): Record<string, unknown> | undefined;
}

/** Calls the driver. */
export type Work = (context: OperationContext) => Promise<Done>;

/** An operation that this process has at hand, from the delivery of its command to the acknowledgement. */
export class RunningOperation {
  readonly #controller = new AbortController();
  #stopReason: StopReason | undefined;
  #isHeldBack = true;
  #noteCancel: ((requestedAt: string) => Promise<void>) | undefined;
  /** When it was told to stop, by a cancel or by a stop by force. */
  cancelRequestedAt: string | undefined;
  /** Resolves when the command may be acknowledged. */
  done: Promise<void> = Promise.resolve();
  /** What it made is taken back after this: power that is being cut. Never rejects. */
  undoAfter: Promise<unknown> = Promise.resolve();

  /** @param beginBeforeMs  by the clock of this machine */
  constructor(
    readonly command: Command,
    readonly beginBeforeMs: number,
  ) {}

  /** How long it may still wait to begin. */
  get beginWithinMs(): number {
    return Math.max(0, this.beginBeforeMs - Date.now());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first reason counts, but for the end of the agent, which overrules the others: nothing may be ended then. */
  get stopReason(): StopReason | undefined {
    return this.#stopReason;
  }

  /**
   * Aborts the signal, at the earliest when every step that a process before began has been come by: a method that stopped
   * among them would leave the undos of the rest unknown. The end of the agent undoes nothing, so it does not wait.
   */
  stop(reason: StopReason): void {
    if (this.#stopReason === undefined || reason === 'drain') this.#stopReason = reason;
    if (reason === 'drain' || !this.#isHeldBack) this.#abort();
  }

  /**
   * Ends it on behalf of somebody: resolves when that is written down, so that the next process ends it too. False when it ends
   * for another reason anyway.
   */
  async cancel(reason: 'cancel' | 'cut'): Promise<boolean> {
    if (this.#stopReason !== undefined && this.cancelRequestedAt === undefined) return false;
    this.cancelRequestedAt ??= new Date().toISOString();
    this.stop(reason);
    await this.#noteCancel?.(this.cancelRequestedAt);
    return true;
  }

  /** Has it written down when it is cancelled. Of a cancel that came before, the promise is of the writing. */
  noteCancelBy(note: (requestedAt: string) => Promise<void>): Promise<void> | undefined {
    this.#noteCancel = note;
    return this.cancelRequestedAt === undefined ? undefined : note(this.cancelRequestedAt);
  }

  /** There is nothing to come by, or it has been come by. */
  replayed(): void {
    this.#isHeldBack = false;
    if (this.#stopReason !== undefined) this.#abort();
  }

  /**
   * What the work gives. Work that was told to stop is waited for so long and no longer, as a call to a hypervisor may hang for
   * ever; then it is let go of, with the reason.
   */
  async orLetGo<Result>(work: Promise<Result>, withinMs: number): Promise<Result> {
    const { signal } = this;
    const { promise: over, reject } = Promise.withResolvers<never>();
    let timer: NodeJS.Timeout | undefined;
    const abort = () => {
      timer = setTimeout(() => reject(signal.reason as Error), withinMs);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await Promise.race([work, over]);
    } finally {
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
      // Nobody is left to hear how it ends.
      work.catch(() => undefined);
    }
  }

  #abort(): void {
    this.#controller.abort(reasonOf(this.#stopReason!, this.command));
  }
}

function reasonOf(reason: StopReason, { verb }: Command): ProblemError {
  switch (reason) {
    case 'cancel':
      return new ProblemError('unavailable', 'The operation was cancelled.');
    case 'cut':
      return new ProblemError('unavailable', 'The VM was stopped by force.');
    case 'deadline':
      return new ProblemError('timed-out', `${verb} did not end in the time it may take.`);
    case 'drain':
      return new ProblemError('unavailable', 'The agent is stopping; the operation goes on when it is back.');
  }
}
