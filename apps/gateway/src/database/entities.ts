import { ArchiveEntity } from '../archives/archive.entity.ts';
import { AuditHeadEntity, AuditLinkEntity } from '../audit/audit-chain.entity.ts';
import { AuditEntity } from '../audit/audit.entity.ts';
import { IdentityRevisionEntity } from '../auth/identity-revision.entity.ts';
import { KnownDeviceEntity } from '../auth/known-device.entity.ts';
import { SessionEntity } from '../auth/session.entity.ts';
import { TicketEntity } from '../auth/ticket.entity.ts';
import { UserPreferencesEntity } from '../auth/user-preferences.entity.ts';
import { ConsoleTicketEntity } from '../console/console-ticket.entity.ts';
import { EventCursorEntity } from '../events/event-cursor.entity.ts';
import { HostJoinEntity } from '../hosts/host-join.entity.ts';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';
import { IdempotencyEntity } from '../idempotency/idempotency.entity.ts';
import { AnnotationEntity } from '../inventory/annotation.entity.ts';
import { RollupEntity } from '../metrics/rollup.entity.ts';
import { BatchEntity } from '../operations/batch.entity.ts';
import { OperationLockEntity } from '../operations/operation-lock.entity.ts';
import { OperationEntity } from '../operations/operation.entity.ts';
import { SubscriberEntity } from '../subscribers/subscriber.entity.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { UserEntity } from '../users/user.entity.ts';

/** Every table of the gateway; an entity lives beside the noun it is about. */
export const entities = [
  UserEntity,
  SessionEntity,
  KnownDeviceEntity,
  TicketEntity,
  UserPreferencesEntity,
  TokenEntity,
  IdentityRevisionEntity,
  AuditEntity,
  AuditLinkEntity,
  AuditHeadEntity,
  IdempotencyEntity,
  OperationEntity,
  OperationLockEntity,
  BatchEntity,
  EventCursorEntity,
  AnnotationEntity,
  RollupEntity,
  ArchiveEntity,
  ConsoleTicketEntity,
  SubscriberEntity,
  RegisteredHostEntity,
  HostJoinEntity,
];
