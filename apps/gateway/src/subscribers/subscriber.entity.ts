import { Column, Entity, PrimaryColumn } from 'typeorm';
import { optionalTime, time } from '../database/columns.ts';

@Entity({ name: 'subscribers' })
export class SubscriberEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 80 })
  name!: string;

  @Column({ type: 'simple-json', nullable: true })
  hosts!: string[] | null;

  @Column({ type: 'varchar', length: 160 })
  createdBy!: string;

  @Column(time)
  createdAt!: number;

  /** When somebody revoked it; the row goes when the bus has forgotten it. */
  @Column(optionalTime)
  revokedAt!: number | null;
}
