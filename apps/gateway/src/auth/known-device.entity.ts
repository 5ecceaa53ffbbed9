import { Column, Entity, PrimaryColumn } from 'typeorm';
import { time } from '../database/columns.ts';

/** A browser in which somebody has logged in before: guesses from elsewhere do not keep it out. */
@Entity({ name: 'known_devices' })
export class KnownDeviceEntity {
  /** SHA-256 of what its cookie holds. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  hash!: string;

  @Column({ type: 'varchar', length: 36 })
  userId!: string;

  @Column(time)
  lastUsedAt!: number;
}
