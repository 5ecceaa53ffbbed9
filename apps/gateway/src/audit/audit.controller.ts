import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditRecord, pageOf, type Page } from '@polyvirt/contracts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { AuditQueries, AuditQuery } from './audit.queries.ts';

const AuditPage = pageOf(AuditRecord, 'AuditPage');

@ApiTags('Audit')
@Controller('audit')
export class AuditController {
  private readonly queries: AuditQueries;

  constructor(queries: AuditQueries) {
    this.queries = queries;
  }

  @Get()
  @RequirePermission('audit:read')
  @Answers({
    id: 'listAudit',
    summary: 'Who did what, from where, and how it ended. The newest first.',
    schema: AuditPage,
  })
  list(@Query({ schema: AuditQuery }) query: AuditQuery): Promise<Page<AuditRecord>> {
    return this.queries.list(query);
  }
}
