import { Column, Entity, PrimaryColumn } from 'typeorm';
import { optionalTime, time } from '../database/columns.ts';

/** One log-in, and the family of refresh tokens that follow from it. */
@Entity({ name: 'sessions' })
export class SessionEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 36 })
  userId!: string;

  /** SHA-256 of the one refresh token that is still good. */
  @Column({ type: 'varchar', length: 64 })
  tokenHash!: string;

  @Column(time)
  createdAt!: number;

  /** When it was begun or last renewed. */
  @Column(time)
  lastUsedAt!: number;

  /** When its user last gave the password. */
  @Column(time)
  confirmedAt!: number;

  /** Moves ahead with every refresh, up to the longest life of a session. */
  @Column(time)
  expiresAt!: number;

  @Column(optionalTime)
  revokedAt!: number | null;

  @Column({ type: 'varchar', length: 64 })
  address!: string;

  /** What the program that logged in calls itself. */
  @Column({ type: 'varchar', length: 200, nullable: true })
  client!: string | null;
}
