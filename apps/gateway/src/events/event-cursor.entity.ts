import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigInteger } from '../database/columns.ts';

/** How far the events have been projected into this database, by whichever gateway. */
@Entity({ name: 'event_cursors' })
export class EventCursorEntity {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  name!: string;

  /** Sequence in the stream of the last event that was projected. */
  @Column(bigInteger)
  position!: number;
}
