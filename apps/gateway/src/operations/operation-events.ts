import { Injectable } from '@nestjs/common';
import { Bus, makeEvent, publishEvent } from '@polyvirt/bus';
import {
  operationCancelled,
  operationFailed,
  operationProgressed,
  operationStarted,
  operationSucceeded,
  vmUpdated,
  type Operation,
  type VmId,
} from '@polyvirt/contracts';
import { Inventory } from '../inventory/inventory.ts';

/** Stands for the host in the subject of an event about several hosts: no slug has an underscore. */
export const severalHosts = '_';

const ends = { succeeded: operationSucceeded, failed: operationFailed, cancelled: operationCancelled } as const;

/** What the gateway itself tells of operations: of those that no agent carries out, none has begun, or none has any more. */
@Injectable()
export class OperationEvents {
  constructor(
    private readonly bus: Bus,
    private readonly inventory: Inventory,
  ) {}

  /** An end has one id, whoever tells it and however it ended, so the stream keeps the first. */
  async ended(
    operation: Operation & { status: keyof typeof ends },
    signal: AbortSignal,
    /** Of the inventory that shows the effect. */
    revision?: number,
  ): Promise<void> {
    await this.publish(ends[operation.status], `${operation.id}:ended`, operation, signal, revision);
  }

  async started(operation: Operation, signal: AbortSignal): Promise<void> {
    const startedAt = operation.startedAt ?? operation.createdAt;
    const running = { ...operation, status: 'running', startedAt } as const;
    await this.publish(operationStarted, `${operation.id}:started`, running, signal);
  }

  async progressed(operation: Operation, signal: AbortSignal): Promise<void> {
    const id = `${operation.id}:progressed:${Math.floor(operation.progress)}`;
    await this.publish(operationProgressed, id, operation, signal);
  }

  /** It is to stop. Asked for twice it is told once. */
  async cancelRequested(operation: Operation, signal: AbortSignal): Promise<void> {
    await this.publish(operationProgressed, `${operation.id}:cancel-requested`, operation, signal);
  }

  /** Labels, notes or protection changed. */
  async annotated({ id, requestedBy, endedAt }: Operation, vmId: VmId, signal: AbortSignal): Promise<void> {
    const entry = this.inventory.vms.get(vmId);
    if (!entry) return;
    const event = makeEvent(vmUpdated, {
      id: `${id}:${vmUpdated.name}`,
      source: sourceOf(entry.record.host),
      subject: vmId,
      ...(endedAt !== undefined && { time: endedAt }),
      data: { vm: entry.record, operationId: id, requestedBy },
    });
    await publishEvent(this.bus, entry.record.host, event, { signal });
  }

  private async publish(
    definition: (typeof ends)[keyof typeof ends] | typeof operationStarted | typeof operationProgressed,
    id: string,
    operation: Operation,
    signal: AbortSignal,
    revision?: number,
  ): Promise<void> {
    const host = operation.host ?? severalHosts;
    const event = makeEvent(definition, {
      id,
      source: sourceOf(host),
      subject: operation.id,
      data: { operation, ...(revision !== undefined && { revision }) },
    });
    await publishEvent(this.bus, host, event, { signal });
  }
}

const sourceOf = (host: string) => (host === severalHosts ? '/gateway' : `/hosts/${host}/gateway`);
