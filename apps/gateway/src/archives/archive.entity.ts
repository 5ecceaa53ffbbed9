import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigInteger } from '../database/columns.ts';

/** The last that the organizer told of a folder. */
@Entity({ name: 'archives' })
export class ArchiveEntity {
  @PrimaryColumn({ type: 'varchar', length: 200 })
  vmId!: string;

  /** Sequence of the event that told it. */
  @Column(bigInteger)
  sequence!: number;

  /** JSON. */
  @Column({ type: 'text' })
  archive!: string;
}
