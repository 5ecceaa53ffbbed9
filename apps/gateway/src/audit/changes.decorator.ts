import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import { IdempotencyInterceptor } from '../idempotency/idempotency.interceptor.ts';

export const ACTION = 'polyvirt:action';
/** In the API document while it is made: the route takes an `Idempotency-Key`. */
export const REPEATABLE = 'x-repeatable';

/**
 * A route that changes something: `action` is what the audit calls it, refused attempts are recorded under it, and a
 * repeat with the same `Idempotency-Key` changes nothing more.
 */
export const Changes = (action: string) =>
  applyDecorators(SetMetadata(ACTION, action), UseInterceptors(IdempotencyInterceptor), ApiExtension(REPEATABLE, true));

/**
 * A route that changes something by a credential in its body, or by what it gives out. Nothing of it is kept for a repeat: what
 * answers to a guess a second time would be a second way to guess.
 */
export const ChangesByCredential = (action: string) => SetMetadata(ACTION, action);
