import { Injectable } from '@nestjs/common';
import {
  HostId,
  OperationId,
  OperationStatus,
  paging,
  ProblemError,
  severalOf,
  VmId,
  type Operation,
  type Page,
} from '@polyvirt/contracts';
import { In, LessThan, type FindOptionsWhere } from 'typeorm';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { Database } from '../database/database.ts';
import { findRows } from '../database/known-rows.ts';
import { Cursors } from '../http/cursor.ts';
import { OperationEntity, operationOf } from './operation.entity.ts';

/** Query of `GET /operations`. */
export const OperationListQuery = z
  .strictObject({
    vm: severalOf(VmId).optional().describe('Only of these VMs.'),
    host: severalOf(HostId).optional().describe('Only of these hosts.'),
    status: severalOf(OperationStatus).optional().describe('States: `pending,running`.'),
    verb: severalOf(z.string().min(1).max(64)).optional().describe('`vm.start,vm.stop`'),
    requestedBy: severalOf(z.string().min(1).max(160))
      .optional()
      .describe('Who asked: `ada`, or `ada/ci` for her token `ci`.'),
    parent: severalOf(OperationId).optional().describe('Only the parts of these batches.'),
    ...paging,
  })
  .meta({ id: 'OperationListQuery' });
export type OperationListQuery = z.infer<typeof OperationListQuery>;

const list = 'operations';

/** Reads operations. */
@Injectable()
export class OperationQueries {
  constructor(
    private readonly database: Database,
    private readonly cursors: Cursors,
  ) {}

  /** Newest first. */
  async list({ limit, cursor, vm, ...filter }: OperationListQuery): Promise<Page<Operation>> {
    const before = cursor === undefined ? undefined : this.cursors.open(list, cursor, OperationId);
    const where: FindOptionsWhere<OperationEntity> = {
      ...anyOf({ vmId: vm, ...filter }),
      ...(before !== undefined && { id: LessThan(before) }),
    };
    const rows = await this.rows().find({ where, order: { id: 'DESC' }, take: limit + 1 });
    const items = rows.slice(0, limit).map(operationOf);
    return rows.length > limit ? { items, nextCursor: this.cursors.seal(list, items.at(-1)!.id) } : { items };
  }

  async find(id: OperationId): Promise<Operation | undefined> {
    const row = await this.rows().findOneBy({ id });
    return row ? operationOf(row) : undefined;
  }

  async findAll(ids: readonly OperationId[]): Promise<Operation[]> {
    return (await findRows(this.rows().manager, OperationEntity, 'id', ids)).map(operationOf);
  }

  /** Throws `operation-not-found`. */
  async require(id: OperationId): Promise<Operation> {
    return operationOf(await this.requireRow(id));
  }

  async requireRow(id: OperationId): Promise<OperationEntity> {
    const row = await this.rows().findOneBy({ id });
    if (row) return row;
    throw new ProblemError('operation-not-found', `There is no operation ${id}; they are kept for 30 days.`);
  }

  async active(): Promise<Operation[]> {
    const rows = await this.rows().findBy({ status: In(['pending', 'running']) });
    return rows.map(operationOf);
  }

  async partsOf(batch: OperationId): Promise<Operation[]> {
    const rows = await this.rows().find({ where: { parent: batch }, order: { id: 'ASC' } });
    return rows.map(operationOf);
  }

  private rows() {
    return this.database.repository(OperationEntity);
  }
}
