import { Global, Module } from '@nestjs/common';
import { AuditChain } from './audit-chain.ts';
import { AuditController } from './audit.controller.ts';
import { AuditQueries } from './audit.queries.ts';
import { Audit } from './audit.ts';

@Global()
@Module({ controllers: [AuditController], providers: [Audit, AuditChain, AuditQueries], exports: [Audit] })
export class AuditModule {}
