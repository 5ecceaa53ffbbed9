import { Injectable } from '@nestjs/common';
import { isEnded, ProblemError, vmIdOf, type Command, type Operation, type OperationId } from '@polyvirt/contracts';
import type { Caller } from '../auth/caller.decorator.ts';
import type { AnnotationChange } from '../inventory/annotations.ts';
import { OperationQueries } from '../operations/operation.queries.ts';
import { batchVerb } from './batch-commands.ts';
import { Batches } from './batches.ts';
import { requirePermission, VmRequests } from './vm-requests.ts';

/** Asks again for what did not succeed, with all the checks of the first time. */
@Injectable()
export class Retries {
  constructor(
    private readonly queries: OperationQueries,
    private readonly requests: VmRequests,
    private readonly batches: Batches,
  ) {}

  async retry(id: OperationId, caller: Caller): Promise<Operation> {
    const row = await this.queries.requireRow(id);
    if (!isEnded(row.status) || row.status === 'succeeded') {
      const why = row.status === 'succeeded' ? 'It has succeeded' : 'It has not ended';
      throw new ProblemError('wrong-state', `${why}; only what failed or was cancelled can be asked for again.`, {
        operationId: id,
      });
    }
    if (row.verb === batchVerb) return this.batches.retry(id, caller);
    const permission = this.requests.permissionOf(row.verb);
    if (row.command === null || permission === undefined)
      throw new ProblemError('wrong-state', `What operation ${id} asked for is no longer known.`, { operationId: id });
    requirePermission(caller, permission);
    const { host, nativeId, input } = JSON.parse(row.command) as Command;
    const vmId = nativeId === undefined ? undefined : vmIdOf(host, nativeId);
    const annotation = row.annotation === null ? undefined : (JSON.parse(row.annotation) as AnnotationChange);
    return this.requests.ask(row.verb, { host, vmId }, input, {
      author: caller,
      options: { whenOffline: 'fail' },
      retryOf: id,
      ...(annotation && { annotation }),
    });
  }
}
