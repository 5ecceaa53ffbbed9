import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { optionalTime, time } from '../database/columns.ts';

/** The right of one machine to join as a host, and from then on its account on the bus. */
@Entity({ name: 'host_joins' })
export class HostJoinEntity {
  /** The part of the token that is no secret, and the name of the account. */
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id!: string;

  @Index('host_joins_host')
  @Column({ type: 'varchar', length: 63 })
  host!: string;

  /** SHA-256 of the token. */
  @Column({ type: 'varchar', length: 64 })
  tokenHash!: string;

  /** Of the token. */
  @Column(time)
  expiresAt!: number;

  @Column({ type: 'varchar', length: 160 })
  createdBy!: string;

  @Column(time)
  createdAt!: number;

  /** Null until somebody has used the token. */
  @Column(optionalTime)
  joinedAt!: number | null;

  /** Address of who did. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  joinedFrom!: string | null;

  @Column({ type: 'varchar', length: 56, nullable: true })
  publicKey!: string | null;

  @Column({ type: 'varchar', length: 64, nullable: true })
  agentVersion!: string | null;

  /** When its account goes, as another join has replaced it or the host is removed. */
  @Column(optionalTime)
  endsAt!: number | null;
}
