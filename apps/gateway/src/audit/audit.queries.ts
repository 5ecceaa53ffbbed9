import { Injectable } from '@nestjs/common';
import { AuditRecord, paging, severalOf, Timestamp, type Page } from '@polyvirt/contracts';
import { And, LessThan, MoreThan, MoreThanOrEqual, type FindOptionsWhere } from 'typeorm';
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
    clientRequestId: texts.describe('What the client called its request.'),
    from: Timestamp.optional().describe('Not before this time.'),
    to: Timestamp.optional().describe('Before this time.'),
    ...paging,
  })
  .meta({ id: 'AuditQuery' });
export const AuditExportQuery = AuditQuery.omit({ limit: true, cursor: true }).meta({ id: 'AuditExportQuery' });
export type AuditExportQuery = z.infer<typeof AuditExportQuery>;
export type AuditQuery = z.infer<typeof AuditQuery>;

const exportPageSize = 500;

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

  /** All of them, the oldest first, a line of JSON each. Read part by part, so that it takes no more memory than one. */
  async *lines({ from, to, ...filter }: AuditExportQuery): AsyncGenerator<string> {
    let after = from === undefined ? '' : firstUuidAt(Date.parse(from));
    for (let isFirst = true; ; isFirst = false) {
      const bounds = [
        isFirst ? MoreThanOrEqual(after) : MoreThan(after),
        ...(to === undefined ? [] : [LessThan(firstUuidAt(Date.parse(to)))]),
      ];
      const where: FindOptionsWhere<AuditEntity> = { ...anyOf(filter), id: And(...bounds) };
      const found = await this.database
        .repository(AuditEntity)
        .find({ where, order: { id: 'ASC' }, take: exportPageSize });
      if (found.length > 0) yield found.map((record) => `${JSON.stringify(shownRecord(record))}\n`).join('');
      if (found.length < exportPageSize) return;
      after = found.at(-1)!.id;
    }
  }
}

export const shownRecord = ({
  at,
  target,
  detail,
  code,
  clientRequestId,
  operationId,
  sequence,
  signature: _,
  ...record
}: AuditEntity): AuditRecord => ({
  ...record,
  at: isoTime(at),
  ...(target !== null && { target }),
  ...(detail !== null && { detail }),
  ...(clientRequestId !== null && { clientRequestId }),
  ...(sequence !== null && { sequence }),
  ...(code !== null && { code }),
  ...(operationId !== null && { operationId }),
});
