import type { Operation, OperationStatus } from '@polyvirt/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { isoTime, optionalTime, time } from '../database/columns.ts';

/** The parts of an operation that nobody searches by. */
type Rest = Pick<Operation, 'progress' | 'steps' | 'cancelRequestedAt' | 'changed' | 'result' | 'error'>;

/** One asked-for change. Until it is published the row is the outbox: `command` is what will be sent. */
@Entity({ name: 'operations' })
export class OperationEntity {
  /** A UUID of version 7: sorting by it is sorting by time. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 64 })
  verb!: string;

  @Column({ type: 'varchar', length: 16 })
  status!: OperationStatus;

  @Column({ type: 'varchar', length: 63, nullable: true })
  host!: string | null;

  @Column({ type: 'varchar', length: 200, nullable: true })
  vmId!: string | null;

  @Column({ type: 'varchar', length: 160 })
  requestedBy!: string;

  @Column({ type: 'varchar', length: 64 })
  requestId!: string;

  @Column({ type: 'varchar', length: 36, nullable: true })
  parent!: string | null;

  @Column({ type: 'varchar', length: 36, nullable: true })
  retryOf!: string | null;

  @Column(time)
  createdAt!: number;

  @Column(optionalTime)
  startedAt!: number | null;

  @Column(optionalTime)
  endedAt!: number | null;

  /** When it expires, if no agent has begun it. Null for what no agent is asked to do. */
  @Column(optionalTime)
  notAfter!: number | null;

  /** When the bus had what there was to publish; until then somebody has to do it. */
  @Column(optionalTime)
  publishedAt!: number | null;

  /** JSON of what nobody searches by. */
  @Column({ type: 'text' })
  rest!: string;

  /** JSON of the command; null for what no agent is asked to do. */
  @Column({ type: 'text', nullable: true })
  command!: string | null;

  /** JSON of pointers into the input of the command: the secrets that were given, and that `command` lacks. */
  @Column({ type: 'text', nullable: true })
  secretFields!: string | null;

  /** Those secrets, sealed, until the operation has ended. */
  @Column({ type: 'text', nullable: true })
  secrets!: string | null;

  /** JSON of the labels, notes and protection that the VM gets when it succeeds. */
  @Column({ type: 'text', nullable: true })
  annotation!: string | null;
}

export function operationOf(row: OperationEntity): Operation {
  return {
    id: row.id,
    verb: row.verb,
    status: row.status,
    ...(row.host !== null && { host: row.host }),
    ...(row.vmId !== null && { vmId: row.vmId }),
    requestedBy: row.requestedBy,
    createdAt: isoTime(row.createdAt),
    ...(row.startedAt !== null && { startedAt: isoTime(row.startedAt) }),
    ...(row.endedAt !== null && { endedAt: isoTime(row.endedAt) }),
    ...(row.parent !== null && { parent: row.parent }),
    ...(row.retryOf !== null && { retryOf: row.retryOf }),
    ...(JSON.parse(row.rest) as Rest),
  };
}

/** The columns that an event can change, and those it cannot. */
export function columnsOf(operation: Operation) {
  const { progress, steps, cancelRequestedAt, changed, result, error } = operation;
  const rest: Rest = { progress, steps, cancelRequestedAt, changed, result, error };
  return {
    id: operation.id,
    verb: operation.verb,
    status: operation.status,
    host: operation.host ?? null,
    vmId: operation.vmId ?? null,
    requestedBy: operation.requestedBy,
    parent: operation.parent ?? null,
    retryOf: operation.retryOf ?? null,
    createdAt: Date.parse(operation.createdAt),
    startedAt: operation.startedAt === undefined ? null : Date.parse(operation.startedAt),
    endedAt: operation.endedAt === undefined ? null : Date.parse(operation.endedAt),
    rest: JSON.stringify(rest),
  };
}
