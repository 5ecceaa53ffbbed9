import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigInteger, safeInteger } from '../database/columns.ts';

/** What a record said when it was written or completed, bound to all links before. Links are only ever added. */
@Entity({ name: 'audit_chain' })
export class AuditLinkEntity {
  @PrimaryColumn({ type: 'bigint', transformer: safeInteger })
  sequence!: number;

  @Column({ type: 'varchar', length: 36 })
  recordId!: string;

  /** SHA-256 of the record as it was then. */
  @Column({ type: 'varchar', length: 64 })
  digest!: string;

  /** SHA-256 of the link before and of this one. */
  @Column({ type: 'varchar', length: 64 })
  hash!: string;
}

/** The end of the chain. One row; taking it puts the writers of links in a row. */
@Entity({ name: 'audit_head' })
export class AuditHeadEntity {
  @PrimaryColumn({ type: 'int' })
  id!: number;

  @Column(bigInteger)
  sequence!: number;

  @Column({ type: 'varchar', length: 64 })
  hash!: string;

  /** The key, and with it the signature of sequence and hash: who can only write to the database cannot make one. */
  @Column({ type: 'varchar', length: 100 })
  signature!: string;
}
