import { Body, Controller, Param, Post, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  pauseVm,
  PowerInput,
  resetVm,
  restartVm,
  resumeVm,
  startVm,
  stopVm,
  StopVmInput,
  suspendVm,
  VmId,
} from '@polyvirt/contracts';
import { Caller } from '../auth/caller.decorator.ts';
import { Accepts } from '../http/accepts.decorator.ts';
import { AnswersOperation } from '../operations/operation.interceptor.ts';
import { powerRequest } from './power-requests.ts';
import { VmCommands } from './vm-commands.ts';

@ApiTags('VMs')
@Controller('vms/:vmId')
@UseInterceptors(AnswersOperation)
export class VmPowerController {
  constructor(private readonly commands: VmCommands) {}

  @Post('start')
  @Accepts(startVm)
  start(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: PowerInput }) options: PowerInput,
    @Caller() author: Caller,
  ) {
    return this.commands.request(vmId, powerRequest('start'), { options, author });
  }

  @Post('stop')
  @Accepts(stopVm)
  stop(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: StopVmInput }) { force, timeoutSeconds, ...options }: StopVmInput,
    @Caller() author: Caller,
  ) {
    return this.commands.request(vmId, powerRequest('stop', { force, timeoutSeconds }), { options, author });
  }

  @Post('restart')
  @Accepts(restartVm)
  restart(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: StopVmInput }) { force, timeoutSeconds, ...options }: StopVmInput,
    @Caller() author: Caller,
  ) {
    return this.commands.request(vmId, powerRequest('restart', { force, timeoutSeconds }), { options, author });
  }

  @Post('reset')
  @Accepts(resetVm)
  reset(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: PowerInput }) options: PowerInput,
    @Caller() author: Caller,
  ) {
    return this.commands.request(vmId, powerRequest('reset'), { options, author });
  }

  @Post('suspend')
  @Accepts(suspendVm)
  suspend(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: PowerInput }) options: PowerInput,
    @Caller() author: Caller,
  ) {
    return this.commands.request(vmId, powerRequest('suspend'), { options, author });
  }

  @Post('pause')
  @Accepts(pauseVm)
  pause(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: PowerInput }) options: PowerInput,
    @Caller() author: Caller,
  ) {
    return this.commands.request(vmId, powerRequest('pause'), { options, author });
  }

  @Post('resume')
  @Accepts(resumeVm)
  resume(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: PowerInput }) options: PowerInput,
    @Caller() author: Caller,
  ) {
    return this.commands.request(vmId, powerRequest('resume'), { options, author });
  }
}
