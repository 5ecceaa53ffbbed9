import { Controller, Get, HttpCode, Param, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Operation, OperationId, pageOf } from '@polyvirt/contracts';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers, WaitsOnPrefer } from '../openapi/answers.decorator.ts';
import { OperationEndings } from './operation-endings.ts';
import { AnswersOperation } from './operation.interceptor.ts';
import { OperationListQuery, OperationQueries } from './operation.queries.ts';

const OperationPage = pageOf(Operation, 'OperationPage');

@ApiTags('Operations')
@Controller('operations')
export class OperationController {
  constructor(
    private readonly queries: OperationQueries,
    private readonly endings: OperationEndings,
  ) {}

  @Get()
  @RequirePermission('operation:read')
  @Answers({ id: 'listOperations', summary: 'Operations, newest first.', schema: OperationPage })
  list(@Query({ schema: OperationListQuery }) query: OperationListQuery) {
    return this.queries.list(query);
  }

  @Get(':operationId')
  @RequirePermission('operation:read')
  @Answers({
    id: 'getOperation',
    summary: 'One operation, with its steps.',
    schema: Operation,
    problems: ['operation-not-found'],
  })
  get(@Param('operationId', { schema: OperationId }) id: OperationId) {
    return this.queries.require(id);
  }

  @Post(':operationId/cancel')
  @HttpCode(202)
  @RequirePermission('operation:control')
  @Changes('operation.cancel', 'carried out')
  @UseInterceptors(AnswersOperation)
  @WaitsOnPrefer()
  @Answers({
    id: 'cancelOperation',
    summary: 'Stop an operation at its next safe point, and undo what it made.',
    status: 202,
    schema: Operation,
    problems: ['operation-not-found', 'wrong-state', 'host-offline', 'timed-out', 'unavailable'],
  })
  cancel(@Param('operationId', { schema: OperationId }) id: OperationId, @Caller() caller: Caller) {
    return this.endings.cancel(id, caller);
  }
}
