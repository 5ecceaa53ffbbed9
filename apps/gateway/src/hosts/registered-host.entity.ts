import type { Hypervisor } from '@polyvirt/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { optionalTime, time } from '../database/columns.ts';

/** A host that somebody added, drained or is removing. One that has its credential from whoever starts it may have no row. */
@Entity({ name: 'registered_hosts' })
export class RegisteredHostEntity {
  @PrimaryColumn({ type: 'varchar', length: 63 })
  id!: string;

  @Column({ type: 'varchar', length: 16 })
  hypervisor!: Hypervisor;

  @Column({ type: 'varchar', length: 160 })
  createdBy!: string;

  @Column(time)
  createdAt!: number;

  /** Raised with every change of the row or of a join: whoever raises it has the host to themselves until the end of the transaction. */
  @Column({ type: 'int' })
  revision!: number;

  @Column(optionalTime)
  drainedAt!: number | null;

  @Column({ type: 'varchar', length: 160, nullable: true })
  drainedBy!: string | null;

  /** When somebody removed it; the row goes when the bus has forgotten the host. */
  @Column(optionalTime)
  removedAt!: number | null;
}
