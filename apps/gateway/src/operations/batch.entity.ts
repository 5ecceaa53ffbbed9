import { Column, Entity, PrimaryColumn } from 'typeorm';
import { time } from '../database/columns.ts';

/** What a batch has to do, so that any gateway can carry it on. */
@Entity({ name: 'batches' })
export class BatchEntity {
  /** Id of its operation. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  /** JSON. */
  @Column({ type: 'text' })
  plan!: string;

  /** The gateway process that carries it on. */
  @Column({ type: 'varchar', length: 36, nullable: true })
  runner!: string | null;

  /** Until then; another one takes over when it is not renewed. */
  @Column(time)
  leaseUntil!: number;

  /** Who cancelled it. */
  @Column({ type: 'varchar', length: 160, nullable: true })
  cancelledBy!: string | null;
}
