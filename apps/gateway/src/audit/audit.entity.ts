import type { AuditRecord } from '@polyvirt/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigInteger, time } from '../database/columns.ts';

@Entity({ name: 'audit' })
export class AuditEntity {
  /** A UUID of version 7: sorting by it is sorting by time. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column(time)
  at!: number;

  @Column({ type: 'varchar', length: 160 })
  actor!: string;

  @Column({ type: 'varchar', length: 64 })
  address!: string;

  @Column({ type: 'varchar', length: 64 })
  action!: string;

  @Column({ type: 'varchar', length: 255, nullable: true })
  target!: string | null;

  /** What changed. */
  @Column({ type: 'text', nullable: true })
  detail!: string | null;

  @Column({ type: 'varchar', length: 16 })
  outcome!: AuditRecord['outcome'];

  @Column({ type: 'varchar', length: 64, nullable: true })
  code!: string | null;

  @Column({ type: 'varchar', length: 64 })
  requestId!: string;

  @Column({ type: 'varchar', length: 64, nullable: true })
  clientRequestId!: string | null;

  @Column({ type: 'varchar', length: 36, nullable: true })
  operationId!: string | null;

  /** Its latest link in the chain. */
  @Column({ ...bigInteger, nullable: true })
  sequence!: number | null;

  /** Of a gateway, for as long as the chain has no link for what the record says. */
  @Column({ type: 'varchar', length: 100, nullable: true })
  signature!: string | null;
}
