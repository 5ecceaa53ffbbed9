import type { TaskError } from '../state/records.ts';

/** Thrown by an effect whose task is to end FAILED; anything else that escapes an effect is a fault of the simulator. */
export class TaskFailure extends Error {
  readonly error: TaskError;

  constructor(detail: string, error: Omit<TaskError, 'detail'> = {}) {
    super(detail);
    this.error = { detail, ...error };
  }
}
