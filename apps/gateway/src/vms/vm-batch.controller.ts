import { Body, Controller, HttpCode, Param, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { BatchInput, BatchPlan, DryRunQuery, Operation, OperationId } from '@polyvirt/contracts';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers, WaitsOnPrefer } from '../openapi/answers.decorator.ts';
import { AnswersOperation } from '../operations/operation.interceptor.ts';
import { batchVerb } from './batch-order.ts';
import { Batches } from './batches.ts';
import { Retries } from './retries.ts';

@Controller()
@UseInterceptors(AnswersOperation)
export class VmBatchController {
  constructor(
    private readonly batches: Batches,
    private readonly retries: Retries,
  ) {}

  @Post('vms/batch')
  @ApiTags('VMs')
  @HttpCode(202)
  @RequirePermission('vm:read')
  // Each part decides for itself.
  @Changes(batchVerb, 'carried out')
  @WaitsOnPrefer(BatchPlan)
  @Answers({
    id: 'batchVms',
    summary: 'Run one command on many VMs.',
    description:
      'The operation that answers has one part for each VM; `GET /operations?parent=` lists them. It needs the permission of the action. With `dryRun` the answer has the plan of each part.',
    status: 202,
    schema: Operation,
    problems: ['forbidden'],
  })
  create(
    @Body({ schema: BatchInput }) input: BatchInput,
    @Query({ schema: DryRunQuery }) { dryRun }: DryRunQuery,
    @Caller() caller: Caller,
  ) {
    return dryRun ? this.batches.plan(input, caller) : this.batches.create(input, caller);
  }

  @Post('operations/:operationId/retry')
  @ApiTags('Operations')
  @HttpCode(202)
  @RequirePermission('operation:control')
  @Changes('operation.retry', 'carried out')
  @WaitsOnPrefer()
  @Answers({
    id: 'retryOperation',
    summary: 'Ask again for what failed or was cancelled; of a batch, for the VMs it did not succeed with.',
    description: 'It needs the permission of what is asked for again.',
    status: 202,
    schema: Operation,
    problems: [
      'operation-not-found',
      'forbidden',
      'wrong-state',
      'vm-not-found',
      'vm-busy',
      'name-taken',
      'host-offline',
    ],
  })
  retry(@Param('operationId', { schema: OperationId }) id: OperationId, @Caller() caller: Caller) {
    return this.retries.retry(id, caller);
  }
}
