import { Global, Module } from '@nestjs/common';
import { AuditChain } from './audit-chain.ts';
import { AuditLinker } from './audit-linker.ts';
import { AuditController } from './audit.controller.ts';
import { AuditQueries } from './audit.queries.ts';
import { AuditSigner } from './audit-signer.ts';
import { AuditVerification } from './audit-verification.ts';
import { Audit } from './audit.ts';

@Global()
@Module({
  controllers: [AuditController],
  providers: [Audit, AuditChain, AuditLinker, AuditQueries, AuditSigner, AuditVerification],
  exports: [Audit],
})
export class AuditModule {}
