import { ProblemError, type CloneVm, type DriverVm, type Forecast, type NativeId } from '@polyvirt/contracts';
import { allow, type CloneFacet, type Made, type OperationContext } from '@polyvirt/hypervisor';
import type { Identifiers } from '../client/identifiers.ts';
import { patiently } from '../client/patience.ts';
import { isTakenId, type PrismClient } from '../client/prism-client.ts';
import { taskOf, type Tasks } from '../client/tasks.ts';
import type { RecoveryPoints } from '../snapshots/recovery-points.ts';
import { applyChanges, isSo, noChanges } from '../vm/vm-edits.ts';
import { clusterOf, isComplete, isPending, stateOf } from '../vm/vm-reader.ts';
import { customizationSpec, nicSpec, type NicPlan } from '../vm/vm-spec.ts';
import type { Patience, Vms } from '../vm/vms.ts';
import { demandCloudInit } from './cloud-init.ts';
import { compareStep, type Copies } from './copies.ts';
import { powerOnStep, type Creation } from './creation.ts';
import { demandFreeName, PLANNED } from './names.ts';
import type { Placement } from './placement.ts';
import type { TaskSteps } from './task-steps.ts';

const steps = {
  clone: { name: 'clone the VM', native: 'POST /vms/{uuid}/clone' },
  restore: { name: 'clone the snapshot', native: 'POST /vm_recovery_points/{uuid}/restore' },
  resize: { name: 'set CPUs and memory', native: 'PUT /vms/{uuid}' },
} as const;

const isResized = ({ snapshot, cpus, memoryMiB }: CloneVm): boolean =>
  snapshot !== undefined && (cpus !== undefined || memoryMiB !== undefined);

/**
 * Copies VMs. AOS copies disks by reference and lets neither depend on the other, so that a linked clone and a full one
 * are the same here.
 */
export class Cloning implements CloneFacet {
  readonly #client: PrismClient;
  readonly #tasks: Tasks;
  readonly #identifiers: Identifiers;
  readonly #vms: Vms;
  readonly #points: RecoveryPoints;
  readonly #creation: Creation;
  readonly #copies: Copies;
  readonly #steps: TaskSteps;
  readonly #patience: Patience;
  readonly #placement: Placement;

  constructor(parts: {
    placement: Placement;
    client: PrismClient;
    tasks: Tasks;
    identifiers: Identifiers;
    vms: Vms;
    points: RecoveryPoints;
    creation: Creation;
    copies: Copies;
    steps: TaskSteps;
    patience: Patience;
  }) {
    this.#client = parts.client;
    this.#tasks = parts.tasks;
    this.#identifiers = parts.identifiers;
    this.#vms = parts.vms;
    this.#points = parts.points;
    this.#creation = parts.creation;
    this.#copies = parts.copies;
    this.#steps = parts.steps;
    this.#patience = parts.patience;
    this.#placement = parts.placement;
  }

  async clone(nativeId: NativeId, input: CloneVm, context: OperationContext): Promise<Made> {
    const { journal, signal } = context;
    await this.#vms.demand(nativeId, signal);
    const [uuid] = (await this.#identifiers.reserve(context, 1)) as [string];
    // A task of a process before quotes it as well.
    if (input.cloudInit !== undefined) this.#client.secrets.learn(customizationSpec(input.cloudInit));
    const nics = JSON.parse(
      await journal.step({
        name: 'check source and name',
        native: 'GET /vms/{uuid}',
        act: async () => JSON.stringify(await this.#check(nativeId, input, uuid, signal)),
      }),
    ) as readonly NicPlan[] | null;
    context.progress(5);
    const { snapshot } = input;
    await this.#steps.run(context, {
      ...(snapshot === undefined ? steps.clone : steps.restore),
      ask: () => this.#ask(nativeId, input, nics, uuid, signal),
      undo: (undoing) => this.#vms.destroy(uuid, undoing),
      shown: () => this.#vms.shown(uuid, (vm) => vm !== undefined && isComplete(vm), 'is made', signal),
      progress: [5, 80],
    });
    this.#vms.made(uuid);
    const notes = await this.#copies.settle(nativeId, uuid, context);
    if (isResized(input)) await this.#resize(uuid, input, context);
    if (input.start) await this.#creation.powerOn(uuid, context);
    return { nativeId: uuid, effect: 'changed', notes };
  }

  /** @throws ProblemError what `clone` would end with */
  async plan(
    { firmware }: Pick<DriverVm, 'firmware'>,
    nativeId: NativeId,
    input: CloneVm,
    signal: AbortSignal,
  ): Promise<Forecast> {
    const { name, snapshot, start, cpus, memoryMiB } = input;
    await this.#check(nativeId, input, PLANNED, signal);
    const notes = await this.#copies.foreseen(await this.#vms.demand(nativeId, signal), signal);
    // Prism does not show the hardware that a recovery point holds.
    const to = {
      name,
      ...(firmware !== undefined && { firmware }),
      ...(cpus !== undefined && { cpus }),
      ...(memoryMiB !== undefined && { memoryMiB }),
      state: start ? 'running' : 'stopped',
    };
    return {
      ...(snapshot !== undefined && { changes: [{ pointer: '', to }] }),
      steps: [
        snapshot === undefined ? steps.clone : steps.restore,
        compareStep,
        ...(isResized(input) ? [steps.resize] : []),
        ...(start ? [powerOnStep] : []),
      ],
      warnings: notes.map((detail) => ({ code: 'not-copied', detail })),
    };
  }

  /** Answers the interfaces that are asked for; null where it keeps those of its source. */
  async #check(
    nativeId: NativeId,
    { name, snapshot, cpus, memoryMiB, nics, cloudInit }: CloneVm,
    uuid: string,
    signal: AbortSignal,
  ): Promise<readonly NicPlan[] | null> {
    demandCloudInit(cloudInit);
    const source = await this.#vms.demand(nativeId, signal);
    allow('clone', stateOf(source));
    await demandFreeName(this.#vms, name, uuid, signal);
    if (snapshot !== undefined) {
      const point = await this.#points.find(snapshot, signal);
      if (point?.vm !== nativeId) throw new ProblemError('snapshot-not-found', `The VM has no snapshot "${snapshot}".`);
      if (cloudInit !== undefined)
        throw new ProblemError(
          'invalid-input',
          'Prism gives user data to the clone of a VM, and to none of a recovery point. Clone the VM as it is, or leave `cloudInit` out.',
          { errors: [{ pointer: '/cloudInit', detail: 'Not with a snapshot on this hypervisor.' }] },
        );
    }
    const cluster = clusterOf(source);
    await this.#placement.demandRoom({ cpus, memoryMiB }, cluster, signal);
    if (nics === undefined) return null;
    return (await this.#placement.nics({ nics, at: '/nics', cluster, own: uuid }, signal)).nics;
  }

  /** Prism takes other sizes of the clone of a VM at once, and none of that of a recovery point. */
  async #resize(uuid: string, { cpus, memoryMiB }: CloneVm, context: OperationContext): Promise<void> {
    const { signal } = context;
    const changes = {
      ...noChanges,
      ...(cpus === undefined ? {} : { cpus }),
      ...(memoryMiB === undefined ? {} : { memoryMiB }),
    };
    await this.#steps.run(context, {
      ...steps.resize,
      ask: () => this.#vms.edit(uuid, (spec, vm) => applyChanges(spec, changes) || !isSo(vm, changes), signal),
      shown: () =>
        this.#vms.shown(uuid, (vm) => vm !== undefined && !isPending(vm) && isSo(vm, changes), 'is changed', signal),
    });
  }

  async #ask(
    nativeId: NativeId,
    { name, snapshot, cpus, memoryMiB, cloudInit }: CloneVm,
    nics: readonly NicPlan[] | null,
    uuid: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const nicList = nics === null ? {} : { nic_list: nics.map(nicSpec) };
    const begun = await this.#vms.find(uuid, signal);
    if (begun) return this.#vms.making(begun, signal);
    // A clone shows only when it is made; an earlier try may be under way.
    const [running] = await this.#tasks.openOn(uuid, signal);
    if (running !== undefined) return running;
    const override_spec = {
      name,
      ...(cpus === undefined ? {} : { num_sockets: cpus, num_vcpus_per_socket: 1, num_threads_per_core: 1 }),
      ...(memoryMiB === undefined ? {} : { memory_size_mib: memoryMiB }),
      ...nicList,
      ...(cloudInit === undefined ? {} : { guest_customization: customizationSpec(cloudInit) }),
    };
    try {
      const answer =
        snapshot === undefined
          ? await this.#vms.action(nativeId, 'clone', { metadata: { uuid }, override_spec }, signal)
          : await patiently(
              () =>
                this.#client.v3('POST', `/vm_recovery_points/${snapshot}/restore`, signal, {
                  metadata: { uuid },
                  vm_override_spec: { name, ...(nics === null ? {} : { resources: nicList }) },
                }),
              signal,
              this.#patience.busyMs,
            );
      return taskOf(answer);
    } catch (error) {
      if (!isTakenId(error)) throw error;
      return (await this.#tasks.openOn(uuid, signal))[0];
    }
  }
}
