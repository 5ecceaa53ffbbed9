import { Global, Module } from '@nestjs/common';
import { AuditController } from './audit.controller.ts';
import { AuditQueries } from './audit.queries.ts';
import { Audit } from './audit.ts';

@Global()
@Module({ controllers: [AuditController], providers: [Audit, AuditQueries], exports: [Audit] })
export class AuditModule {}
