import { Column, Entity, PrimaryColumn } from 'typeorm';
import { time } from '../database/columns.ts';

/**
 * An hour of one VM in minutes. One row an hour instead of one a minute: a month of a VM is 720 short reads, and takes
 * a fifth of the space.
 */
@Entity({ name: 'vm_rollups' })
export class RollupEntity {
  @PrimaryColumn({ type: 'varchar', length: 200 })
  vmId!: string;

  /** Its begin. */
  @PrimaryColumn({ type: 'bigint', ...(time.transformer && { transformer: time.transformer }) })
  hour!: number;

  /** JSON: number of the minute → samples, then average and maximum of each series, null where unknown. */
  @Column({ type: 'text' })
  minutes!: string;
}
