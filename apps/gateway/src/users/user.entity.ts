import type { Role } from '@polyvirt/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { optionalTime, time } from '../database/columns.ts';

@Entity({ name: 'users' })
export class UserEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  @Column({ type: 'varchar', length: 64 })
  username!: string;

  /** The name in lower case. Unique, so that `Ada` cannot pass for `ada`. */
  @Column({ type: 'varchar', length: 64 })
  usernameKey!: string;

  @Column({ type: 'varchar', length: 100 })
  passwordHash!: string;

  @Column({ type: 'varchar', length: 16 })
  role!: Role;

  @Column({ type: 'boolean' })
  disabled!: boolean;

  @Column(time)
  createdAt!: number;

  @Column(optionalTime)
  lastLoginAt!: number | null;

  /** Failed log-ins before it count no more: an admin has unlocked the account. */
  @Column(optionalTime)
  unlockedAt!: number | null;

  @Column({ type: 'int' })
  revision!: number;
}
