import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { OnCommand } from '@polyvirt/bus';
import {
  createSnapshot,
  deleteSnapshot,
  revertSnapshot,
  vmSnapshotReverted,
  type CommandOf,
  type VmRecord,
} from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { requireFacet } from '../host/facets.ts';
import { OperationRunner } from '../operation/operation-runner.ts';
import { noted } from '../operation/running-operation.ts';
import { vmOf } from '../operation/targets.ts';
import { DRIVER } from './tokens.ts';

@Controller()
export class SnapshotHandler {
  constructor(
    @Inject(DRIVER) private readonly driver: HypervisorDriver,
    private readonly operations: OperationRunner,
  ) {}

  @OnCommand(createSnapshot)
  create(@Payload() command: CommandOf<typeof createSnapshot>) {
    return this.operations.run(command, async (context) => {
      const facet = await requireFacet(this.driver, 'snapshots');
      const { snapshot, effect, notes } = await facet.create(vmOf(command), command.input, context);
      return { effect, result: { snapshot, ...noted(notes).result } };
    });
  }

  @OnCommand(revertSnapshot)
  revert(@Payload() command: CommandOf<typeof revertSnapshot>) {
    return this.operations.run(command, async (context) => {
      const facet = await requireFacet(this.driver, 'snapshots');
      const effect = await facet.revert(vmOf(command), command.input.snapshot, context);
      const extras = ({ snapshots }: VmRecord) => {
        const snapshot = snapshots.find(({ id }) => id === command.input.snapshot);
        return snapshot && { snapshot };
      };
      return { effect, alsoHappened: [{ definition: vmSnapshotReverted, extras }] };
    });
  }

  @OnCommand(deleteSnapshot)
  delete(@Payload() command: CommandOf<typeof deleteSnapshot>) {
    return this.operations.run(command, async (context) => {
      const facet = await requireFacet(this.driver, 'snapshots');
      return { effect: await facet.delete(vmOf(command), command.input, context) };
    });
  }
}
