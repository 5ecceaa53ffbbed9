import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type { VmId } from '@polyvirt/contracts';
import { In, type EntityManager } from 'typeorm';
import { Database } from '../database/database.ts';
import { annotationOf, AnnotationEntity } from './annotation.entity.ts';
import type { Annotation } from './vm-entry.ts';

/** What an edit changes; the rest stays. */
export type AnnotationChange = Partial<Pick<Annotation, 'labels' | 'notes' | 'protected'>>;

/** Labels, notes and protection in the database. */
@Injectable()
export class Annotations {
  constructor(private readonly database: Database) {}

  async all(): Promise<Map<VmId, Annotation>> {
    const rows = await this.database.repository(AnnotationEntity).find();
    return new Map(rows.map((row) => [row.vmId, annotationOf(row)]));
  }

  async read(ids: readonly VmId[]): Promise<Map<VmId, Annotation>> {
    if (ids.length === 0) return new Map();
    const rows = await this.database.repository(AnnotationEntity).findBy({ vmId: In([...ids]) });
    return new Map(rows.map((row) => [row.vmId, annotationOf(row)]));
  }

  /**
   * Changes what is given, and answers whether that made a difference. `check` sees what there was, which nobody else can
   * change any more, and may throw.
   */
  async change(
    manager: EntityManager,
    vmId: VmId,
    { labels, notes, protected: isProtected }: AnnotationChange,
    check: (current: Annotation) => void = () => undefined,
  ): Promise<boolean> {
    const none = { vmId, labels: '{}', notes: '', protected: false, version: 0 };
    // Makes the row if it is missing, and locks it; to ignore one that is there would lock it too weakly.
    await manager
      .createQueryBuilder()
      .insert()
      .into(AnnotationEntity)
      .values(none)
      .orUpdate(['vmId'], ['vmId'])
      .execute();
    await manager.increment(AnnotationEntity, { vmId }, 'version', 1);
    const row = await manager.findOneByOrFail(AnnotationEntity, { vmId });
    const before = { ...annotationOf(row), version: row.version - 1 };
    check(before);
    const differs =
      (labels !== undefined && !isDeepStrictEqual(labels, before.labels)) ||
      (notes !== undefined && notes !== before.notes) ||
      (isProtected !== undefined && isProtected !== before.protected);
    // The version was raised to lock the row, and goes into the ETag.
    const version = differs ? row.version : before.version;
    await manager.update(
      AnnotationEntity,
      { vmId },
      {
        labels: labels ? JSON.stringify(labels) : row.labels,
        notes: notes ?? row.notes,
        protected: isProtected ?? row.protected,
        version,
      },
    );
    return differs;
  }

  async forget(manager: EntityManager, vmId: VmId): Promise<void> {
    await manager.delete(AnnotationEntity, { vmId });
  }
}
