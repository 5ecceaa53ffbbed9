import { AuditEntity } from '../audit/audit.entity.ts';
import { IdentityRevisionEntity } from '../auth/identity-revision.entity.ts';
import { SessionEntity } from '../auth/session.entity.ts';
import { IdempotencyEntity } from '../idempotency/idempotency.entity.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { UserEntity } from '../users/user.entity.ts';

/** Every table of the gateway; an entity lives beside the noun it is about. */
export const entities = [
  UserEntity,
  SessionEntity,
  TokenEntity,
  IdentityRevisionEntity,
  AuditEntity,
  IdempotencyEntity,
];
