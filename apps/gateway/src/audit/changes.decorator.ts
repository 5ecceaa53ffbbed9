import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { IdempotencyInterceptor } from '../idempotency/idempotency.interceptor.ts';

export const ACTION = 'polyvirt:action';

/**
 * A route that changes something: `action` is what the audit calls it, refused attempts are recorded under it, and a
 * repeat with the same `Idempotency-Key` changes nothing more.
 */
export const Changes = (action: string) =>
  applyDecorators(SetMetadata(ACTION, action), UseInterceptors(IdempotencyInterceptor));
