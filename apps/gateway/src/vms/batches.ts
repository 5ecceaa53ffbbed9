import { Injectable } from '@nestjs/common';
import {
  ProblemError,
  worstOf,
  type BatchInput,
  type BatchPlan,
  type HostId,
  type Operation,
  type OperationId,
  type VmId,
} from '@polyvirt/contracts';
import type { Caller } from '../auth/caller.decorator.ts';
import { requirePermission } from '../auth/require-permission.ts';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { HouseClock } from '../house-clock.ts';
import { parseInput } from '../http/faults.ts';
import { problemOfFailure } from '../http/problem.filter.ts';
import { Inventory } from '../inventory/inventory.ts';
import { BatchEntity } from '../operations/batch.entity.ts';
import { OperationQueries } from '../operations/operation.queries.ts';
import { Operations } from '../operations/operations.ts';
import { batchCommand, batchVerb, type BatchOrder } from './batch-order.ts';
import { BatchRunner } from './batch-runner.ts';
import { Commands, wantedOf } from './commands.ts';

/** As many as a body can name. */
const mostVms = 1_000;

/** Takes batches. Their parts are fixed by then: a VM that fits the filter later is not among them. */
@Injectable()
export class Batches {
  constructor(
    private readonly clock: HouseClock,
    private readonly database: Database,
    private readonly operations: Operations,
    private readonly queries: OperationQueries,
    private readonly inventory: Inventory,
    private readonly runner: BatchRunner,
    private readonly commands: Commands,
  ) {}

  async create(input: BatchInput, caller: Caller): Promise<Operation> {
    return this.begin(this.orderOf(input, caller), caller);
  }

  /** What it would do to each of its VMs. Nothing of it is begun, and one that would be refused says why. */
  async plan(input: BatchInput, caller: Caller): Promise<BatchPlan> {
    const { action, vmIds, whenOffline, maxParallel, author, ...wanted } = this.orderOf(input, caller);
    const definition = batchCommand(action);
    const items: BatchPlan['items'] = vmIds.map((vmId) => ({ vmId }));
    const asking = { author, options: { whenOffline }, silentHosts: new Set<HostId>() };
    const rest = items.values();
    const work = async () => {
      for (const item of rest) {
        try {
          item.plan = await this.commands.plan(definition, item, wanted, asking);
        } catch (error) {
          item.problem = problemOfFailure(error).toProblem(author.requestId);
        }
      }
    };
    await Promise.all(Array.from({ length: maxParallel }, work));
    return { items, disruption: worstOf(items.flatMap(({ plan }) => plan?.disruption ?? [])) };
  }

  private orderOf({ ids, filter, params, ...rest }: BatchInput, caller: Caller): BatchOrder {
    const definition = batchCommand(rest.action);
    requirePermission(caller, definition.permission);
    const wanted = wantedOf(definition, parseInput(definition.params, params, 'body', ['params']));
    const vmIds = ids ? [...new Set(ids)] : this.matching(filter ?? {});
    return { ...rest, ...wanted, vmIds, author: authorOf(caller), credential: credentialOf(caller) };
  }

  /** The same again for the VMs that it did not succeed with. */
  async retry(id: OperationId, caller: Caller): Promise<Operation> {
    const row = await this.database.repository(BatchEntity).findOneByOrFail({ id });
    const plan = JSON.parse(row.plan) as BatchOrder;
    requirePermission(caller, batchCommand(plan.action).permission);
    const parts = await this.queries.partsOf(id);
    const succeeded = new Set(parts.filter(({ status }) => status === 'succeeded').map(({ vmId }) => vmId));
    const vmIds = plan.vmIds.filter((vmId) => !succeeded.has(vmId));
    return this.begin({ ...plan, vmIds, author: authorOf(caller), credential: credentialOf(caller) }, caller, id);
  }

  private matching(filter: NonNullable<BatchInput['filter']>): VmId[] {
    const ids = this.inventory.vms.idsOf(filter, mostVms + 1);
    if (ids.length <= mostVms) return ids;
    const detail = `It fits more than ${mostVms} VMs.`;
    throw new ProblemError('invalid-input', `The filter is too wide. ${detail}`, {
      errors: [{ pointer: '/filter', detail }],
    });
  }

  private async begin(plan: BatchOrder, caller: Caller, retryOf?: OperationId): Promise<Operation> {
    const nowMs = this.clock.now();
    const operation: Operation = {
      id: uuidV7(nowMs),
      verb: batchVerb,
      status: 'pending',
      progress: 0,
      steps: [],
      requestedBy: caller.actor,
      createdAt: isoTime(nowMs),
      ...(retryOf !== undefined && { retryOf }),
    };
    await this.database.transaction(async (manager) => {
      await this.operations.insert(manager, operation, caller, {});
      await manager.insert(BatchEntity, {
        id: operation.id,
        plan: JSON.stringify(plan),
        runner: null,
        leaseUntil: 0,
        cancelledBy: null,
      });
      const target = `${plan.action} of ${plan.vmIds.length} VMs`;
      await this.operations.accept(manager, operation, caller, target);
    });
    this.operations.active.put(operation);
    this.runner.carryOn(operation.id);
    return operation;
  }
}

const authorOf = ({ actor, address, requestId, traceparent }: Caller): BatchOrder['author'] => ({
  actor,
  address,
  requestId,
  traceparent,
});

const credentialOf = ({ userId, token }: Caller): NonNullable<BatchOrder['credential']> => ({
  userId,
  tokenId: token?.id ?? null,
});
