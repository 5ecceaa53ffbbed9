import type { Permission } from '@polyvirt/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { optionalTime, time } from '../database/columns.ts';

@Entity({ name: 'api_tokens' })
export class TokenEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 36 })
  userId!: string;

  @Column({ type: 'varchar', length: 80 })
  name!: string;

  @Column({ type: 'varchar', length: 16 })
  prefix!: string;

  /** SHA-256 of the secret, which has enough entropy of its own to need no salt and no slow hash. */
  @Column({ type: 'varchar', length: 64 })
  secretHash!: string;

  @Column({ type: 'simple-json' })
  scopes!: Permission[];

  @Column(time)
  createdAt!: number;

  @Column(time)
  expiresAt!: number;

  @Column(optionalTime)
  lastUsedAt!: number | null;
}
