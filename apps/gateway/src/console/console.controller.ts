import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ConsoleTicket, OpenConsoleInput, VmId } from '@polyvirt/contracts';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { ConsoleTickets } from './console-tickets.ts';

@ApiTags('VMs')
@Controller('vms/:vmId/console')
export class ConsoleController {
  constructor(private readonly tickets: ConsoleTickets) {}

  @Post()
  @HttpCode(201)
  @RequirePermission('vm:console')
  @Changes('vm.console', 'carried out')
  @Answers({
    id: 'openConsole',
    summary: 'A ticket for a console of a VM: its screen, or the terminal at its serial port.',
    status: 201,
    schema: ConsoleTicket,
    problems: ['vm-not-found', 'wrong-state', 'capability-missing', 'host-offline'],
  })
  open(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Body({ schema: OpenConsoleInput }) { kind }: OpenConsoleInput,
    @Caller() caller: Caller,
  ): Promise<ConsoleTicket> {
    return this.tickets.issue(vmId, kind, caller);
  }
}
