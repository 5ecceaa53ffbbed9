import { Injectable } from '@nestjs/common';
import { isEnded, type Operation } from '@polyvirt/contracts';
import { OperationQueries } from './operation.queries.ts';
import { Operations } from './operations.ts';

/** Waits until operations have ended. */
@Injectable()
export class OperationWaiter {
  constructor(
    private readonly operations: Operations,
    private readonly queries: OperationQueries,
  ) {}

  /** The operation as it is when it has ended, when the time is over, or when the signal aborts. */
  async wait(operation: Operation, timeoutMs: number, signal: AbortSignal): Promise<Operation> {
    if (isEnded(operation.status)) return operation;
    const left = new AbortController();
    // Listen first, then look: it may have ended in between.
    const ended = this.operations.ends.wait(operation.id, timeoutMs, AbortSignal.any([left.signal, signal]));
    const now = await this.queries.find(operation.id);
    if (now && !isEnded(now.status)) await ended;
    else left.abort();
    return (await this.queries.find(operation.id)) ?? operation;
  }
}
