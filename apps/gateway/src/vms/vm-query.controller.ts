import { Controller, Get, Header, Param, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { GuestReport, NativeDefinition, Vm, VmId, VmListQuery, VmPage } from '@polyvirt/contracts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { VmQueries } from './vm.queries.ts';

const VmQuery = z
  .strictObject({
    fresh: z.stringbool().default(false).describe('Have the host look at it now, instead of answering from memory.'),
  })
  .meta({ id: 'VmQuery' });
type VmQuery = z.infer<typeof VmQuery>;

const json = 'application/json; charset=utf-8';

@ApiTags('VMs')
@Controller('vms')
export class VmQueryController {
  constructor(private readonly queries: VmQueries) {}

  @Get()
  @Header('content-type', json)
  @RequirePermission('vm:read')
  @Answers({ id: 'listVms', summary: 'VMs of all hosts, from memory.', schema: VmPage })
  list(@Query({ schema: VmListQuery }) query: VmListQuery): Buffer {
    return this.queries.page(query);
  }

  @Get(':vmId')
  @Header('content-type', json)
  @RequirePermission('vm:read')
  @Answers({
    id: 'getVm',
    summary: 'One VM. Its ETag is for `If-Match`.',
    schema: Vm,
    problems: ['vm-not-found', 'host-offline', 'timed-out', 'unavailable'],
  })
  async get(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Query({ schema: VmQuery }) { fresh }: VmQuery,
    @Caller() { requestId }: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Buffer> {
    const entry = fresh ? await this.queries.look(vmId, requestId) : this.queries.get(vmId);
    void reply.header('etag', entry.etag);
    return entry.json;
  }

  @Get(':vmId/guest')
  @RequirePermission('vm:read')
  @Answers({
    id: 'getGuest',
    summary: 'What the guest of a running VM says of itself, asked now.',
    description: 'A guest without an agent that answers is `agent: false`.',
    schema: GuestReport,
    problems: ['vm-not-found', 'wrong-state', 'capability-missing', 'host-offline', 'timed-out', 'unavailable'],
  })
  guest(@Param('vmId', { schema: VmId }) vmId: VmId, @Caller() { requestId }: Caller): Promise<GuestReport> {
    return this.queries.guest(vmId, requestId);
  }

  @Get(':vmId/definition')
  @RequirePermission('vm:read')
  @Answers({
    id: 'getDefinition',
    summary: 'The document that the hypervisor itself keeps of a VM: domain XML, .vmx file or Prism spec.',
    description: 'Read now, without passwords and keys, and with the files that make the VM up.',
    schema: NativeDefinition,
    problems: ['vm-not-found', 'capability-missing', 'host-offline', 'host-rejected', 'timed-out', 'unavailable'],
  })
  definition(@Param('vmId', { schema: VmId }) vmId: VmId, @Caller() { requestId }: Caller): Promise<NativeDefinition> {
    return this.queries.definition(vmId, requestId);
  }
}
