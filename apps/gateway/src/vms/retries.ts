import { Injectable } from '@nestjs/common';
import {
  commandOfVerb,
  isEnded,
  ProblemError,
  vmIdOf,
  type Command,
  type Operation,
  type OperationId,
} from '@polyvirt/contracts';
import type { Caller } from '../auth/caller.decorator.ts';
import { requirePermission } from '../auth/require-permission.ts';
import type { AnnotationChange } from '../inventory/annotations.ts';
import { CommandSecrets } from '../operations/command-secrets.ts';
import { OperationQueries } from '../operations/operation.queries.ts';
import { batchVerb } from './batch-order.ts';
import { Batches } from './batches.ts';
import { Commands } from './commands.ts';

/** Asks again for what did not succeed, with all the checks of the first time. */
@Injectable()
export class Retries {
  constructor(
    private readonly queries: OperationQueries,
    private readonly commands: Commands,
    private readonly batches: Batches,
    private readonly secrets: CommandSecrets,
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
    this.secrets.requireWhole(row);
    const definition = commandOfVerb(row.verb);
    const input =
      row.command === null ? undefined : definition?.input.safeParse((JSON.parse(row.command) as Command).input);
    if (!definition || !input?.success)
      throw new ProblemError('wrong-state', `What operation ${id} asked for is no longer known.`, { operationId: id });
    requirePermission(caller, definition.permission);
    const { host, nativeId } = JSON.parse(row.command!) as Command;
    const subject = nativeId === undefined ? { host } : { vmId: vmIdOf(host, nativeId) };
    const annotation = row.annotation === null ? undefined : (JSON.parse(row.annotation) as AnnotationChange);
    return this.commands.ask(
      definition,
      subject,
      { input: input.data, annotation },
      { author: caller, options: { whenOffline: 'fail' }, retryOf: id },
    );
  }
}
