import { Readable } from 'node:stream';
import { Controller, Get, Query, StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditRecord, AuditVerdict, pageOf, type Page } from '@polyvirt/contracts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { AuditVerification } from './audit-verification.ts';
import { AuditExportQuery, AuditQueries, AuditQuery } from './audit.queries.ts';
import { Audit } from './audit.ts';

const AuditPage = pageOf(AuditRecord, 'AuditPage');

@ApiTags('Audit')
@Controller('audit')
export class AuditController {
  constructor(
    private readonly queries: AuditQueries,
    private readonly verification: AuditVerification,
    private readonly audit: Audit,
  ) {}

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

  @Get('verify')
  @RequirePermission('audit:read')
  @Answers({
    id: 'verifyAudit',
    summary: 'Whether the audit is as it was written: what was changed, removed or added since.',
    description:
      'Reads all of it, which takes about two seconds for 100,000 records. Keep `head` elsewhere, to prove later what was there.',
    schema: AuditVerdict,
  })
  verify(): Promise<AuditVerdict> {
    return this.verification.verify();
  }

  @Get('export')
  @RequirePermission('audit:read')
  @Answers({
    id: 'exportAudit',
    summary: 'The audit as lines of JSON (NDJSON), the oldest record first.',
    mediaType: 'application/x-ndjson',
  })
  async export(
    @Query({ schema: AuditExportQuery }) query: AuditExportQuery,
    @Caller() caller: Caller,
  ): Promise<StreamableFile> {
    await this.audit.note(caller, { action: 'audit.export', outcome: 'succeeded' });
    return new StreamableFile(Readable.from(this.queries.lines(query)), {
      type: 'application/x-ndjson; charset=utf-8',
      disposition: 'attachment; filename="polyvirt-audit.ndjson"',
    });
  }
}
