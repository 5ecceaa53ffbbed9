import type { NativeId, ReconfigureVm } from '@polyvirt/contracts';
import { allow, derivedMac, type OperationContext, type Outcome, type ReconfigureFacet } from '@polyvirt/hypervisor';
import { applyChanges, demandPossible, growthsOf, isSo, type Changes } from '../vm/vm-edits.ts';
import { clusterOf, isPending, stateOf } from '../vm/vm-reader.ts';
import type { Vms } from '../vm/vms.ts';
import { demandFreeName } from './names.ts';
import type { Placement } from './placement.ts';
import type { TaskSteps } from './task-steps.ts';

type Decision = { changes: Changes; differs: boolean };

/** Changes VMs by one write of the whole spec, which Prism takes or refuses as a whole. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #vms: Vms;
  readonly #placement: Placement;
  readonly #steps: TaskSteps;

  constructor({ vms, placement, steps }: { vms: Vms; placement: Placement; steps: TaskSteps }) {
    this.#vms = vms;
    this.#placement = placement;
    this.#steps = steps;
  }

  async apply(nativeId: NativeId, input: ReconfigureVm, context: OperationContext): Promise<Outcome> {
    const { journal, signal } = context;
    const { changes, differs } = JSON.parse(
      await journal.step({
        name: 'check what is asked for',
        native: 'GET /vms/{uuid}',
        act: async () => JSON.stringify(await this.#decide(nativeId, input, context)),
      }),
    ) as Decision;
    if (!differs) return { effect: 'unchanged' };
    await this.#steps.run(context, {
      name: 'change the VM',
      native: 'PUT /vms/{uuid}',
      ask: () => this.#vms.edit(nativeId, (spec, vm) => applyChanges(spec, changes) || !isSo(vm, changes), signal),
      shown: () =>
        this.#vms.shown(
          nativeId,
          (vm) => vm !== undefined && !isPending(vm) && isSo(vm, changes),
          'is changed',
          signal,
        ),
      progress: [10, 100],
    });
    return { effect: 'changed' };
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
    const { name, cpus, memoryMiB, disks = [], removeNics = [], addNics: nics = [] } = input;
    const cluster = clusterOf(vm);
    await this.#placement.demandRoom({ cpus, memoryMiB }, cluster, signal);
    const placed = await this.#placement.nics(
      { nics, at: '/addNics', cluster, own: nativeId, leaving: removeNics },
      signal,
    );
    const addNics = placed.nics.map((nic, index) => ({ ...nic, mac: nic.mac ?? derivedMac(operationId, index) }));
    const changes: Changes = {
      ...(name === undefined ? {} : { name }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(memoryMiB === undefined ? {} : { memoryMiB }),
      disks: growthsOf(vm, disks),
      addNics,
      removeNics,
    };
    demandPossible(vm, state, changes);
    return { changes, differs: !isSo(vm, changes) };
  }
}
