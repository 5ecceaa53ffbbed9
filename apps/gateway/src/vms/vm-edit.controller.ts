import { Body, Controller, Delete, Headers, Param, Patch, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  cloneVm,
  CloneVmInput,
  createVm,
  CreateVmInput,
  deleteVm,
  DeleteVmQuery,
  EditVmInput,
  reconfigureVm,
  VmId,
} from '@polyvirt/contracts';
import { Caller } from '../auth/caller.decorator.ts';
import { Accepts } from '../http/accepts.decorator.ts';
import { AnswersOperation } from '../operations/operation.interceptor.ts';
import { TakesIfMatch } from '../openapi/answers.decorator.ts';
import { VmEdits } from './vm-edits.ts';

@ApiTags('VMs')
@Controller('vms')
@UseInterceptors(AnswersOperation)
export class VmEditController {
  constructor(private readonly edits: VmEdits) {}

  @Post()
  @Accepts(createVm)
  create(@Body({ schema: CreateVmInput }) input: CreateVmInput, @Caller() author: Caller) {
    return this.edits.create(input, author);
  }

  @Patch(':vmId')
  @Accepts(reconfigureVm)
  @TakesIfMatch()
  edit(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: EditVmInput }) input: EditVmInput,
    @Headers('if-match') ifMatch: string | undefined,
    @Caller() author: Caller,
  ) {
    return this.edits.edit(vmId, input, ifMatch, author);
  }

  @Delete(':vmId')
  @Accepts(deleteVm)
  @TakesIfMatch()
  delete(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Query({ schema: DeleteVmQuery }) query: DeleteVmQuery,
    @Headers('if-match') ifMatch: string | undefined,
    @Caller() author: Caller,
  ) {
    return this.edits.delete(vmId, query, ifMatch, author);
  }

  @Post(':vmId/clone')
  @Accepts(cloneVm)
  clone(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: CloneVmInput }) input: CloneVmInput,
    @Caller() author: Caller,
  ) {
    return this.edits.clone(vmId, input, author);
  }
}
