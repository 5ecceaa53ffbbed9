import type { ConsoleKind } from '@polyvirt/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { time } from '../database/columns.ts';

/** The right to open one console once. In the database, because the WebSocket may reach another gateway. */
@Entity({ name: 'console_tickets' })
export class ConsoleTicketEntity {
  /** SHA-256 of the ticket. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  hash!: string;

  @Column({ type: 'varchar', length: 200 })
  vmId!: string;

  @Column({ type: 'varchar', length: 16, default: 'graphic' })
  kind!: ConsoleKind;

  /** As the audit names who asked. */
  @Column({ type: 'varchar', length: 160 })
  actor!: string;

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
