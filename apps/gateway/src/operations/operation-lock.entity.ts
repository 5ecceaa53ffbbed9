import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * What an operation holds while it is active: its VM, or a name on a host. Two requests for the same one race for the
 * key, and the database decides.
 */
@Entity({ name: 'operation_locks' })
export class OperationLockEntity {
  /** SHA-256 of `vm:<id>` or `name:<host>:<name>`; a name can be longer than a key may be. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  key!: string;

  @Column({ type: 'varchar', length: 36 })
  operationId!: string;
}
