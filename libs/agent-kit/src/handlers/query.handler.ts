import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { OnQuery } from '@polyvirt/bus';
import {
  cancelOperation,
  commandOfVerb,
  identifyAgent,
  listOperations,
  openConsole,
  planVm,
  ProblemError,
  protocolOf,
  readDefinition,
  readGuest,
  readVm,
  type Capabilities,
  type NativeId,
  type OperationId,
  type Plan,
} from '@polyvirt/contracts';
import { planOf, requireFacet, type HypervisorDriver } from '@polyvirt/hypervisor';
import type { z } from 'zod';
import { Consoles } from '../console/consoles.ts';
import type { AgentIdentity } from '../host/identity.ts';
import { VolumeList } from '../host/volume-list.ts';
import { HostImages } from '../images/host-images.ts';
import { Inventory } from '../inventory/inventory.ts';
import { OperationRunner } from '../operation/operation-runner.ts';
import { CAPABILITIES, DRIVER, IDENTITY } from './tokens.ts';

/** Less than the asker waits for the answer. */
const answerWithinMs = 1_800;
/** A guest that is silent for so long is not waited for, and what the host knows of it is told. */
const guestWithinMs = 1_200;

@Controller()
export class QueryHandler {
  constructor(
    @Inject(DRIVER) private readonly driver: HypervisorDriver,
    @Inject(IDENTITY) private readonly identity: AgentIdentity,
    @Inject(CAPABILITIES) private readonly capabilities: () => Capabilities,
    private readonly inventory: Inventory,
    private readonly operations: OperationRunner,
    private readonly consoles: Consoles,
    private readonly volumes: VolumeList,
    private readonly images: HostImages,
  ) {}

  @OnQuery(readVm)
  async readVm(@Payload() { nativeId }: { nativeId: NativeId }) {
    const { record, revision } = await this.inventory.look(nativeId);
    if (!record) throw new ProblemError('vm-not-found', `There is no VM ${nativeId} on host ${this.identity.host}.`);
    return { vm: record, revision };
  }

  @OnQuery(planVm)
  async planVm(@Payload() { verb, nativeId, input }: z.infer<typeof planVm.input>): Promise<Plan> {
    const definition = commandOfVerb(verb);
    if (!definition) throw new ProblemError('capability-missing', `This agent knows no command ${verb}.`);
    const request = { nativeId, input: definition.input.parse(input) };
    this.volumes.requireFree(request);
    this.images.check({ verb, input: request.input });
    return planOf(this.driver, definition, request, this.capabilities(), AbortSignal.timeout(answerWithinMs));
  }

  @OnQuery(readGuest)
  async readGuest(@Payload() { nativeId }: { nativeId: NativeId }) {
    const guest = await requireFacet(this.driver, 'guest');
    return guest.read(nativeId, AbortSignal.timeout(guestWithinMs));
  }

  @OnQuery(readDefinition)
  async readDefinition(@Payload() { nativeId }: { nativeId: NativeId }) {
    const facet = await requireFacet(this.driver, 'export');
    return facet.definition(nativeId, AbortSignal.timeout(answerWithinMs));
  }

  @OnQuery(openConsole)
  async openConsole(@Payload() wanted: z.infer<typeof openConsole.input>) {
    await this.consoles.open(wanted);
    return { protocol: protocolOf[wanted.kind] };
  }

  @OnQuery(cancelOperation)
  async cancelOperation(@Payload() { operationId }: { operationId: OperationId }) {
    const cancelRequestedAt = await this.operations.cancel(operationId);
    return { accepted: cancelRequestedAt !== undefined, ...(cancelRequestedAt !== undefined && { cancelRequestedAt }) };
  }

  @OnQuery(listOperations)
  listOperations() {
    return { incarnation: this.identity.incarnation, operationIds: this.operations.ids };
  }

  @OnQuery(identifyAgent)
  identify() {
    const { incarnation, startedAt } = this.identity;
    return { incarnation, startedAt };
  }
}
