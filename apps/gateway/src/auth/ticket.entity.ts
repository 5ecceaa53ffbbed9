import { Column, Entity, PrimaryColumn } from 'typeorm';
import { time } from '../database/columns.ts';

/** The right of whoever owns a credential to make one request once. In the database, because any gateway may get it. */
@Entity({ name: 'request_tickets' })
export class TicketEntity {
  /** SHA-256 of the ticket. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  hash!: string;

  /** Route it is for. */
  @Column({ type: 'varchar', length: 64 })
  purpose!: string;

  @Column({ type: 'varchar', length: 36 })
  userId!: string;

  /** The session that asked, unless an API token did. */
  @Column({ type: 'varchar', length: 36, nullable: true })
  sessionId!: string | null;

  @Column({ type: 'varchar', length: 36, nullable: true })
  tokenId!: string | null;

  @Column(time)
  expiresAt!: number;
}
