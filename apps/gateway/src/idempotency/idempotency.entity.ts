import { Column, Entity, PrimaryColumn } from 'typeorm';
import { time } from '../database/columns.ts';

/** What became of a request that carried an `Idempotency-Key`. */
@Entity({ name: 'idempotency' })
export class IdempotencyEntity {
  /** SHA-256 of the caller and the key. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id!: string;

  /** HMAC of method, address and body. */
  @Column({ type: 'varchar', length: 64 })
  fingerprint!: string;

  /** The request that holds the key until it is answered. */
  @Column({ type: 'varchar', length: 36 })
  owner!: string;

  /** From then on another request may take the key over: its owner was killed. */
  @Column(time)
  heldUntil!: number;

  /** HTTP status of the answer; null while there is none. */
  @Column({ type: 'int', nullable: true })
  status!: number | null;

  /** The operation that the request began, which a repeat shows as it is by then. */
  @Column({ type: 'varchar', length: 36, nullable: true })
  operationId!: string | null;

  /** Headers and body, sealed: an answer can hold a secret that is shown once. */
  @Column({ type: 'text', nullable: true })
  answer!: string | null;

  @Column(time)
  expiresAt!: number;
}
