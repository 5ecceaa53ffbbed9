import { Global, Module } from '@nestjs/common';
import { Idempotency } from './idempotency.ts';
import { OperationReplays } from './operation-replays.ts';

@Global()
@Module({ providers: [Idempotency, OperationReplays], exports: [Idempotency, OperationReplays] })
export class IdempotencyModule {}
