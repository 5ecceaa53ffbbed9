import type { NativeId, ReconfigureVm } from '@polyvirt/contracts';
import {
  allow,
  derivedMac,
  type OperationContext,
  type Reconfigured,
  type ReconfigureFacet,
} from '@polyvirt/hypervisor';
import type { Networks } from '../networks.ts';
import { applyChanges, demandPossible, type Changes } from '../vm/vm-edits.ts';
import { isPending, stateOf } from '../vm/vm-reader.ts';
import { objectAt } from '../client/json.ts';
import type { Vms } from '../vm/vms.ts';
import { nicPlan } from './creation.ts';
import { demandFreeName } from './names.ts';
import type { TaskSteps } from './task-steps.ts';

type Decision = { changes: Changes; differs: boolean };

/** Changes VMs by one write of the whole spec, which Prism takes or refuses as a whole. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #vms: Vms;
  readonly #networks: Networks;
  readonly #steps: TaskSteps;

  constructor({ vms, networks, steps }: { vms: Vms; networks: Networks; steps: TaskSteps }) {
    this.#vms = vms;
    this.#networks = networks;
    this.#steps = steps;
  }

  async apply(nativeId: NativeId, input: ReconfigureVm, context: OperationContext): Promise<Reconfigured> {
    const { journal, signal } = context;
    const { changes, differs } = JSON.parse(
      await journal.step({
        name: 'check what is asked for',
        native: 'GET /vms/{uuid}',
        act: async () => JSON.stringify(await this.#decide(nativeId, input, context)),
      }),
    ) as Decision;
    if (!differs) return { effect: 'unchanged', pendingChanges: [] };
    await this.#steps.run(context, {
      name: 'change the VM',
      native: 'PUT /vms/{uuid}',
      ask: () => this.#vms.edit(nativeId, (spec) => applyChanges(spec, changes), signal),
      shown: () =>
        this.#vms.shown(
          nativeId,
          (vm) => vm !== undefined && !isPending(vm) && !applyChanges(objectAt(structuredClone(vm), 'spec'), changes),
          'is changed',
          signal,
        ),
      progress: [10, 100],
    });
    return { effect: 'changed', pendingChanges: [] };
  }

  async #decide(
    nativeId: NativeId,
    input: ReconfigureVm,
    { operationId, signal }: OperationContext,
  ): Promise<Decision> {
    const vm = await this.#vms.demand(nativeId, signal);
    const state = stateOf(vm);
    allow('reconfigure', state);
    if (input.name !== undefined) await demandFreeName(this.#vms, input.name, nativeId, signal);
    const addNics = [];
    for (const [index, nic] of (input.addNics ?? []).entries()) {
      const address = nic.address === 'auto' ? undefined : nic.address;
      const subnet = await this.#networks.demand(nic.network, address, signal);
      addNics.push({ ...nicPlan(nic, subnet), mac: nic.mac ?? derivedMac(operationId, index) });
    }
    const { name, cpus, memoryMiB, disks = [], removeNics = [] } = input;
    const changes: Changes = {
      ...(name === undefined ? {} : { name }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(memoryMiB === undefined ? {} : { memoryMiB }),
      disks,
      addNics,
      removeNics,
    };
    demandPossible(vm, state, changes);
    return { changes, differs: applyChanges(objectAt(structuredClone(vm), 'spec'), changes) };
  }
}
