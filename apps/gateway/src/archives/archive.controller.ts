import { Controller, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { Archive, pageOf, VmId } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { ArchiveFiles } from './archive-files.ts';
import { ArchiveListQuery, Archives } from './archives.ts';

const json = 'application/json; charset=utf-8';

@ApiTags('Archives')
@Controller('archives')
export class ArchiveController {
  constructor(
    private readonly archives: Archives,
    private readonly files: ArchiveFiles,
  ) {}

  @Get()
  @RequirePermission('archive:read')
  @Header('content-type', json)
  @Answers({
    id: 'listArchives',
    summary: 'The archive folders, newest first.',
    schema: pageOf(Archive, 'ArchivePage'),
  })
  list(@Query({ schema: ArchiveListQuery }) query: ArchiveListQuery): string {
    return this.archives.page(query);
  }

  @Get(':vmId')
  @RequirePermission('archive:read')
  @Header('content-type', json)
  @Answers({
    id: 'getArchive',
    summary: 'The archive folder of one VM; it stays when the VM is deleted.',
    schema: Archive,
    problems: ['archive-not-found'],
  })
  get(@Param('vmId', { schema: VmId }) vmId: VmId): string {
    return this.archives.get(vmId);
  }

  @Get(':vmId/files/*')
  @RequirePermission('host:files')
  @ApiParam({ name: 'path', description: 'As `files[].path` of the archive has it.', schema: { type: 'string' } })
  @Answers({
    id: 'getArchiveFile',
    summary: 'One file of an archive, to be saved under its name.',
    description:
      'Takes `Range`. Links lead to files of the VM itself, which are no part of the archive and are not sent.',
    mediaType: 'application/octet-stream',
    problems: ['archive-not-found', 'file-not-found', 'range-not-satisfiable', 'capability-missing'],
  })
  file(
    @Param('vmId', { schema: VmId }) vmId: VmId,
    @Param('*') path: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.files.send(vmId, path, request, reply);
  }
}
