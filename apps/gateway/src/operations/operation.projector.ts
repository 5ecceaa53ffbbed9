import { Inject, Injectable } from '@nestjs/common';
import { isEvent } from '@polyvirt/bus';
import {
  deleteVm,
  isEnded,
  operationCancelled,
  operationFailed,
  operationProgressed,
  operationStarted,
  operationSucceeded,
  parseVmId,
  type Operation,
  type OperationId,
  type VmId,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import type { EntityManager } from 'typeorm';
import { Audit } from '../audit/audit.ts';
import { findRows, insertRows, updateRows } from '../database/known-rows.ts';
import type { Projection } from '../events/projection.ts';
import type { StreamEvent } from '../events/stream-event.ts';
import { Annotations, type AnnotationChange } from '../inventory/annotations.ts';
import { Inventory } from '../inventory/inventory.ts';
import { LOGGER } from '../logger.ts';
import { severalHosts } from './operation-events.ts';
import { OperationLockEntity } from './operation-lock.entity.ts';
import { advance } from './operation-state.ts';
import { columnsOf, OperationEntity, operationOf } from './operation.entity.ts';
import { OperationQueries } from './operation.queries.ts';
import { Operations } from './operations.ts';

/** How long an end waits for the watch of the inventory to show its effect, before its VM is read by itself. */
const watchedWithinMs = 250;
const readWithinMs = 10_000;

interface Told {
  readonly operation: Operation;
  /** Host of the subject, which the bus vouches for. */
  readonly host: string;
  readonly revision: number | undefined;
}

/** Writes what events tell of operations into the table: in any order, twice or with some missing it is the same. */
@Injectable()
export class OperationProjector implements Projection {
  constructor(
    private readonly operations: Operations,
    private readonly queries: OperationQueries,
    private readonly inventory: Inventory,
    private readonly annotations: Annotations,
    private readonly audit: Audit,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async begin(): Promise<void> {
    await this.inventory.loadAnnotations();
    for (const operation of await this.queries.active()) this.operations.active.put(operation);
  }

  /** Whoever sees an operation succeeded is to see what it did. */
  async prepare(events: readonly StreamEvent[]): Promise<void> {
    const effects = toldBy(events).filter((told) => told.revision !== undefined);
    const revision = Math.max(0, ...effects.map((told) => told.revision!));
    if (revision === 0 || (await this.inventory.reached(revision, watchedWithinMs))) return;
    const vms = effects.map(({ operation }) => vmOf(operation)).filter((id) => id !== undefined);
    try {
      await this.inventory.readFromBucket([...new Set(vms)], AbortSignal.timeout(readWithinMs));
    } catch (error) {
      this.logger.warn({ revision, err: error }, 'the inventory is behind the end of an operation');
    }
  }

  wants({ type }: StreamEvent): boolean {
    return type.startsWith('operation.');
  }

  async project(manager: EntityManager, events: readonly StreamEvent[]): Promise<void> {
    const told = toldBy(events);
    const rows = await findRows(manager, OperationEntity, 'id', idsOf(told));
    const before = new Map(rows.map((row) => [row.id, operationOf(row)]));
    const after = new Map(before);
    for (const { operation, host } of told) {
      const known = after.get(operation.id);
      if (host !== hostOf(known ?? operation)) continue;
      after.set(operation.id, known ? advance(known, operation) : operation);
    }
    const annotations = new Map(rows.map((row) => [row.id, row.annotation]));
    for (const operation of after.values()) {
      const known = before.get(operation.id);
      if (operation === known) continue;
      await this.write(manager, operation, known);
      if (isEnded(operation.status)) await this.end(manager, operation, annotations.get(operation.id) ?? null);
    }
  }

  async projected(events: readonly StreamEvent[]): Promise<void> {
    const operations = await this.queries.findAll(idsOf(toldBy(events)));
    const succeeded = operations.filter(({ status }) => status === 'succeeded').map(vmOf);
    await this.inventory.readAnnotations([...new Set(succeeded)].filter((id) => id !== undefined));
    for (const operation of operations) {
      this.operations.active.put(operation);
      this.operations.ends.tell(operation);
    }
  }

  private async write(manager: EntityManager, operation: Operation, known: Operation | undefined): Promise<void> {
    const columns = columnsOf(operation);
    if (known) {
      // What ended needs its secrets no more.
      const forgotten = isEnded(operation.status) ? { secrets: null } : {};
      await updateRows(manager, OperationEntity, { id: operation.id }, { ...columns, ...forgotten });
      return;
    }
    // Of a database before this one; the events still know it.
    const row = {
      ...columns,
      ...{ requestId: operation.error?.requestId ?? '', notAfter: null, command: null, annotation: null },
      ...{ secretFields: null, secrets: null },
      publishedAt: columns.createdAt,
    };
    await insertRows(manager, OperationEntity, [row]);
  }

  private async end(manager: EntityManager, operation: Operation, annotation: string | null): Promise<void> {
    const { id, status, verb, error } = operation;
    await manager.delete(OperationLockEntity, { operationId: id });
    await this.audit.ended(manager, id, status as 'succeeded' | 'failed' | 'cancelled', error?.code);
    if (status !== 'succeeded') return;
    const vmId = vmOf(operation);
    if (vmId === undefined) return;
    if (verb === deleteVm.verb) await this.annotations.forget(manager, vmId);
    else if (annotation !== null) {
      const differs = await this.annotations.change(manager, vmId, JSON.parse(annotation) as AnnotationChange);
      // The agent knows of the hardware only.
      if (differs && operation.changed === false)
        await updateRows(manager, OperationEntity, { id }, columnsOf({ ...operation, changed: true }));
    }
  }
}

/** The VM that it made, or else the one that it was about. */
const vmOf = ({ result, vmId }: Operation): VmId | undefined => result?.vmId ?? vmId;

/** Where events about it come from. An agent speaks for the operations of its own host only. */
const hostOf = ({ host }: Operation): string => host ?? severalHosts;

const idsOf = (told: readonly Told[]): OperationId[] => [...new Set(told.map(({ operation }) => operation.id))];

function toldBy(events: readonly StreamEvent[]): Told[] {
  return events.flatMap(({ event, host }) => {
    const told = tell(event);
    return told && isPlausible(told.operation, host) ? [{ ...told, host }] : [];
  });
}

function tell(event: StreamEvent['event']): Omit<Told, 'host'> | undefined {
  if (isEvent(operationStarted, event) || isEvent(operationProgressed, event))
    return { operation: event.data.operation, revision: undefined };
  if (isEvent(operationSucceeded, event) || isEvent(operationFailed, event) || isEvent(operationCancelled, event))
    return { operation: event.data.operation, revision: event.data.revision };
  return undefined;
}

/** Whether it fits the table, and names no VM of another host. */
function isPlausible({ verb, requestedBy, vmId, result }: Operation, host: string): boolean {
  const vms = [vmId, result?.vmId].filter((id) => id !== undefined);
  return verb.length <= 64 && requestedBy.length <= 160 && vms.every((id) => parseVmId(id).host === host);
}
