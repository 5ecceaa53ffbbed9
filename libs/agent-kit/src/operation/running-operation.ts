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
export type StopReason = 'cancel' | 'deadline' | 'drain';

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
  /** Resolves when the command may be acknowledged. */
  done: Promise<void> = Promise.resolve();

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

  /** There is nothing to come by, or it has been come by. */
  replayed(): void {
    this.#isHeldBack = false;
    if (this.#stopReason !== undefined) this.#abort();
  }

  #abort(): void {
    this.#controller.abort(reasonOf(this.#stopReason!, this.command));
  }
}

function reasonOf(reason: StopReason, { verb }: Command): ProblemError {
  switch (reason) {
    case 'cancel':
      return new ProblemError('unavailable', 'The operation was cancelled.');
    case 'deadline':
      return new ProblemError('timed-out', `${verb} did not end in the time it may take.`);
    case 'drain':
      return new ProblemError('unavailable', 'The agent is stopping; the operation goes on when it is back.');
  }
}
