import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { OnCommand } from '@polyvirt/bus';
import {
  cloneVm,
  createVm,
  deleteVm,
  reconfigureVm,
  userDataNotes,
  vmCloned,
  vmIdOf,
  type CommandOf,
} from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { requireFacet } from '../host/facets.ts';
import { OperationRunner } from '../operation/operation-runner.ts';
import { noted } from '../operation/running-operation.ts';
import { vmOf } from '../operation/targets.ts';
import { DRIVER } from './tokens.ts';

@Controller()
export class LifecycleHandler {
  constructor(
    @Inject(DRIVER) private readonly driver: HypervisorDriver,
    private readonly operations: OperationRunner,
  ) {}

  @OnCommand(createVm)
  create(@Payload() command: CommandOf<typeof createVm>) {
    return this.operations.run(command, async (context) => {
      const { nativeId, effect, notes = [] } = await this.driver.create(command.input, context);
      return { effect, made: nativeId, ...noted([...notes, ...userDataNotes(command.input.cloudInit)]) };
    });
  }

  @OnCommand(cloneVm)
  clone(@Payload() command: CommandOf<typeof cloneVm>) {
    return this.operations.run(command, async (context) => {
      const facet = await requireFacet(this.driver, 'clone');
      const { nativeId, effect, notes } = await facet.clone(vmOf(command), command.input, context);
      const extras = () => ({ clone: vmIdOf(command.host, nativeId) });
      return { effect, made: nativeId, alsoHappened: [{ definition: vmCloned, extras }], ...noted(notes) };
    });
  }

  @OnCommand(deleteVm)
  delete(@Payload() command: CommandOf<typeof deleteVm>) {
    return this.operations.run(command, async (context) => {
      const { effect, notes } = await this.driver.delete(vmOf(command), command.input, context);
      return { effect, ...noted(notes) };
    });
  }

  @OnCommand(reconfigureVm)
  reconfigure(@Payload() command: CommandOf<typeof reconfigureVm>) {
    return this.operations.run(command, async (context) => {
      const facet = await requireFacet(this.driver, 'reconfigure');
      const { effect, pendingChanges, notes } = await facet.apply(vmOf(command), command.input, context);
      return { effect, result: { pendingChanges: [...pendingChanges], ...noted(notes).result } };
    });
  }
}
