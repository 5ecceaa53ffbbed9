import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigInteger } from '../database/columns.ts';

/** One row that grows whenever a credential may have lost its worth, so that other gateways notice. */
@Entity({ name: 'identity_revision' })
export class IdentityRevisionEntity {
  @PrimaryColumn({ type: 'int' })
  id!: number;

  @Column(bigInteger)
  revision!: number;
}
