import type { Forecast, NativeId, HardwareChange } from '@polyvirt/contracts';
import { allow, derivedMac, type OperationContext, type Outcome, type ReconfigureFacet } from '@polyvirt/hypervisor';
import type { Tasks } from '../client/tasks.ts';
import { applyChanges, demandPossible, growthsOf, isSo, type Changes } from '../vm/vm-edits.ts';
import { clusterOf, isPending, stateOf } from '../vm/vm-reader.ts';
import { formerOf, putBack, type Former } from '../vm/vm-former.ts';
import type { Vms } from '../vm/vms.ts';
import { demandFreeName, PLANNED } from './names.ts';
import type { Placement } from './placement.ts';
import type { TaskSteps } from './task-steps.ts';

type Decision = {
  changes: Changes;
  /** What it is now; absent when nothing is to be done. */
  former?: Former;
};

const changeIt = { name: 'change the VM', native: 'PUT /vms/{uuid}' } as const;

/** Changes VMs by one write of the whole spec, which Prism takes or refuses as a whole. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #vms: Vms;
  readonly #tasks: Tasks;
  readonly #placement: Placement;
  readonly #steps: TaskSteps;

  constructor(parts: { vms: Vms; tasks: Tasks; placement: Placement; steps: TaskSteps }) {
    this.#vms = parts.vms;
    this.#tasks = parts.tasks;
    this.#placement = parts.placement;
    this.#steps = parts.steps;
  }

  async apply(nativeId: NativeId, input: HardwareChange, context: OperationContext): Promise<Outcome> {
    const { operationId, journal, signal } = context;
    const { changes, former } = JSON.parse(
      await journal.step({
        name: 'check what is asked for',
        native: 'GET /vms/{uuid}',
        act: async () => JSON.stringify(await this.#decide(nativeId, input, operationId, signal)),
      }),
    ) as Decision;
    if (!former) return { effect: 'unchanged' };
    await this.#steps.run(context, {
      ...changeIt,
      ask: () => this.#vms.edit(nativeId, (spec, vm) => applyChanges(spec, changes) || !isSo(vm, changes), signal),
      undo: (undoing) => this.#undo(nativeId, changes, former, undoing),
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

  /** @throws ProblemError what `apply` would end with */
  async plan(nativeId: NativeId, input: HardwareChange, signal: AbortSignal): Promise<Forecast> {
    const { former } = await this.#decide(nativeId, input, PLANNED, signal);
    return { steps: former ? [changeIt] : [] };
  }

  /** Disks stay as large as they have become, and AHV takes from no running VM what it has been given. */
  async #undo(nativeId: NativeId, changes: Changes, former: Former, signal: AbortSignal): Promise<void> {
    if (!(await this.#vms.find(nativeId, signal))) return;
    const task = await this.#vms.edit(nativeId, (spec) => putBack(spec, former, changes), signal);
    if (task === undefined) return;
    await this.#tasks.succeeded(task, signal);
    await this.#vms.shown(nativeId, (vm) => vm === undefined || !isPending(vm), 'is as it was', signal);
  }

  async #decide(nativeId: NativeId, input: HardwareChange, operationId: string, signal: AbortSignal): Promise<Decision> {
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
    return isSo(vm, changes) ? { changes } : { changes, former: formerOf(vm) };
  }
}
