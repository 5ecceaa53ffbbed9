import { Injectable } from '@nestjs/common';
import { AuditRecord, paging, severalOf, Timestamp, type Page } from '@polyvirt/contracts';
import { And, LessThan, MoreThanOrEqual, type FindOptionsWhere } from 'typeorm';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { firstUuidAt } from '../database/uuid-v7.ts';
import { Cursors } from '../http/cursor.ts';
import { AuditEntity } from './audit.entity.ts';

const texts = severalOf(z.string().min(1).max(255)).optional();

export const AuditQuery = z
  .strictObject({
    actor: texts.describe('As the record has it: `ada`, or `ada/ci` for her token.'),
    action: texts.describe('`vm.start`'),
    target: texts.describe('`kvm-lab1~4b2c`'),
    outcome: severalOf(AuditRecord.shape.outcome).optional(),
    operationId: severalOf(z.uuid()).optional(),
    requestId: texts,
    from: Timestamp.optional().describe('Not before this time.'),
    to: Timestamp.optional().describe('Before this time.'),
    ...paging,
  })
  .meta({ id: 'AuditQuery' });
export type AuditQuery = z.infer<typeof AuditQuery>;

@Injectable()
export class AuditQueries {
  private readonly database: Database;
  private readonly cursors: Cursors;

  constructor(database: Database, cursors: Cursors) {
    this.database = database;
    this.cursors = cursors;
  }

  /** The newest first. */
  async list({ limit, cursor, from, to, ...filter }: AuditQuery): Promise<Page<AuditRecord>> {
    const before = [
      ...(cursor === undefined ? [] : [this.cursors.open('audit', cursor, z.string())]),
      ...(to === undefined ? [] : [firstUuidAt(Date.parse(to))]),
    ].sort()[0];
    // Ids sort by time, so the primary key serves the order, the bounds and the cursor alike.
    const bounds = [
      ...(before === undefined ? [] : [LessThan(before)]),
      ...(from === undefined ? [] : [MoreThanOrEqual(firstUuidAt(Date.parse(from)))]),
    ];
    const where: FindOptionsWhere<AuditEntity> = anyOf(filter);
    if (bounds.length > 0) where.id = And(...bounds);
    const found = await this.database.repository(AuditEntity).find({ where, order: { id: 'DESC' }, take: limit + 1 });
    const items = found.slice(0, limit).map(shownRecord);
    return { items, ...(found.length > limit && { nextCursor: this.cursors.seal('audit', items.at(-1)!.id) }) };
  }
}

const shownRecord = ({ at, target, code, operationId, ...record }: AuditEntity): AuditRecord => ({
  ...record,
  at: isoTime(at),
  ...(target !== null && { target }),
  ...(code !== null && { code }),
  ...(operationId !== null && { operationId }),
});
