import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Annotation } from './vm-entry.ts';

/** What the control plane itself keeps of a VM. */
@Entity({ name: 'vm_annotations' })
export class AnnotationEntity {
  @PrimaryColumn({ type: 'varchar', length: 200 })
  vmId!: string;

  /** JSON. */
  @Column({ type: 'text' })
  labels!: string;

  @Column({ type: 'text' })
  notes!: string;

  @Column({ type: 'boolean' })
  protected!: boolean;

  @Column({ type: 'int' })
  version!: number;
}

export const annotationOf = (row: AnnotationEntity): Annotation => ({
  labels: JSON.parse(row.labels) as Record<string, string>,
  notes: row.notes,
  protected: Boolean(row.protected),
  version: row.version,
});
