import {
  applyDecorators,
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  Query,
  Res,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  HostId,
  makesRoom,
  restartVm,
  startVm,
  stopVm,
  SupervisorHealth,
  SupervisorMetrics,
  SupervisorPowerAnswer,
  SupervisorPowerInput,
  SupervisorSummary,
  SupervisorVmDetails,
  SupervisorVms,
  type CommandDefinition,
  type ProblemCode,
} from '@polyvirt/contracts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { OpenToNetworkReaders, Public, RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { KvmSupervisor } from './kvm-supervisor.ts';

const HostQuery = z
  .strictObject({
    host: HostId.optional().describe('Only VMs of this host; needed for a name that several hosts have.'),
  })
  .meta({ id: 'SupervisorHostQuery' });
type HostQuery = z.infer<typeof HostQuery>;
const Name = z.string().min(1).max(512).describe('Name of the VM, or its id.');

const oneVm: readonly ProblemCode[] = ['vm-not-found', 'host-not-found', 'name-ambiguous'];

const Asks = (command: CommandDefinition, id: string, summary: string) =>
  applyDecorators(
    Changes(command.verb, makesRoom(command) ? 'carried out' : 'refused'),
    HttpCode(200),
    Answers({
      id,
      summary,
      description: 'Answers when it has ended; 202 when it still runs after 30 seconds.',
      schema: SupervisorPowerAnswer,
      deprecated: true,
      problems: [
        ...new Set([...oneVm, ...command.problems, 'vm-busy', 'host-offline', 'timed-out', 'unavailable'] as const),
      ],
    }),
  );

/** The routes of KVM Supervisor, as its document lists them. */
@ApiTags('Earlier programs')
@Controller({ version: VERSION_NEUTRAL })
export class SupervisorController {
  constructor(private readonly supervisor: KvmSupervisor) {}

  @Get('health')
  @Public()
  @Answers({
    id: 'getSupervisorHealth',
    summary: 'Whether the API and libvirt work, as KVM Supervisor said it.',
    schema: SupervisorHealth,
    deprecated: true,
  })
  health(): SupervisorHealth {
    return this.supervisor.health();
  }

  @Get('stats/summary')
  @RequirePermission('vm:read')
  @OpenToNetworkReaders()
  @Answers({
    id: 'getSupervisorSummary',
    summary: 'The numbers of a dashboard, as KVM Supervisor gave them.',
    schema: SupervisorSummary,
    problems: ['host-not-found'],
    deprecated: true,
  })
  summary(@Query({ schema: HostQuery }) { host }: HostQuery): SupervisorSummary {
    return this.supervisor.summary(host);
  }

  @Get('vms')
  @RequirePermission('vm:read')
  @OpenToNetworkReaders()
  @Answers({
    id: 'listSupervisorVms',
    summary: 'All VMs, as KVM Supervisor listed them.',
    schema: SupervisorVms,
    problems: ['host-not-found'],
    deprecated: true,
  })
  list(@Query({ schema: HostQuery }) { host }: HostQuery): SupervisorVms {
    return this.supervisor.list(host);
  }

  @Get('vm/:name')
  @RequirePermission('vm:read')
  @OpenToNetworkReaders()
  @Answers({
    id: 'getSupervisorVm',
    summary: 'One VM by its name, as KVM Supervisor showed it.',
    schema: SupervisorVmDetails,
    problems: oneVm,
    deprecated: true,
  })
  details(@Param('name', { schema: Name }) name: string, @Query({ schema: HostQuery }) { host }: HostQuery) {
    return this.supervisor.details(name, host);
  }

  @Get('vm/:name/metrics')
  @RequirePermission('metrics:read')
  @OpenToNetworkReaders()
  @Answers({
    id: 'getSupervisorMetrics',
    summary: 'The last reading of a VM, as KVM Supervisor gave it. What is not known is null.',
    schema: SupervisorMetrics,
    problems: oneVm,
    deprecated: true,
  })
  metrics(@Param('name', { schema: Name }) name: string, @Query({ schema: HostQuery }) { host }: HostQuery) {
    return this.supervisor.metricsOf(name, host);
  }

  @Post('vm/:name/start')
  @RequirePermission('vm:power')
  @Asks(startVm, 'startSupervisorVm', 'Power a VM on, by its name.')
  start(
    @Param('name', { schema: Name }) name: string,
    @Query({ schema: HostQuery }) { host }: HostQuery,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.power(startVm, name, host, {}, caller, reply);
  }

  @Post('vm/:name/stop')
  @RequirePermission('vm:power')
  @Asks(stopVm, 'stopSupervisorVm', 'Shut a VM down through its guest, or by force, by its name.')
  stop(
    @Param('name', { schema: Name }) name: string,
    @Query({ schema: HostQuery }) { host }: HostQuery,
    @Body({ schema: SupervisorPowerInput }) input: SupervisorPowerInput,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.power(stopVm, name, host, input, caller, reply);
  }

  @Post('vm/:name/restart')
  @RequirePermission('vm:power')
  @Asks(restartVm, 'restartSupervisorVm', 'Shut a VM down and power it on again, by its name.')
  restart(
    @Param('name', { schema: Name }) name: string,
    @Query({ schema: HostQuery }) { host }: HostQuery,
    @Body({ schema: SupervisorPowerInput }) input: SupervisorPowerInput,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.power(restartVm, name, host, input, caller, reply);
  }

  private async power(
    command: CommandDefinition,
    name: string,
    host: HostId | undefined,
    input: SupervisorPowerInput,
    caller: Caller,
    reply: FastifyReply,
  ): Promise<SupervisorPowerAnswer> {
    const left = new AbortController();
    const leave = () => left.abort();
    reply.raw.once('close', leave);
    try {
      const { isEnded, ...answer } = await this.supervisor.power(command, name, host, input, caller, left.signal);
      void reply.status(isEnded ? 200 : 202);
      return answer;
    } finally {
      reply.raw.off('close', leave);
    }
  }
}
