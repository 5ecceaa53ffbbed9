import { Controller, Get, Header, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Archive, pageOf, VmId } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { ArchiveListQuery, Archives } from './archives.ts';

const json = 'application/json; charset=utf-8';

@ApiTags('Archives')
@Controller('archives')
@RequirePermission('archive:read')
export class ArchiveController {
  constructor(private readonly archives: Archives) {}

  @Get()
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
}
