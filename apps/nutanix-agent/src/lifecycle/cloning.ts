import { ProblemError, type CloneVm, type DriverVm, type Forecast, type NativeId } from '@polyvirt/contracts';
import { allow, type CloneFacet, type Made, type OperationContext } from '@polyvirt/hypervisor';
import type { Identifiers } from '../client/identifiers.ts';
import { patiently } from '../client/patience.ts';
import { isTakenId, type PrismClient } from '../client/prism-client.ts';
import { taskOf, type Tasks } from '../client/tasks.ts';
import type { RecoveryPoints } from '../snapshots/recovery-points.ts';
import { isComplete, stateOf } from '../vm/vm-reader.ts';
import type { Patience, Vms } from '../vm/vms.ts';
import { compareStep, type Copies } from './copies.ts';
import { powerOnStep, type Creation } from './creation.ts';
import { demandFreeName, PLANNED } from './names.ts';
import type { TaskSteps } from './task-steps.ts';

const steps = {
  clone: { name: 'clone the VM', native: 'POST /vms/{uuid}/clone' },
  restore: { name: 'clone the snapshot', native: 'POST /vm_recovery_points/{uuid}/restore' },
} as const;

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

  constructor(parts: {
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
  }

  async clone(nativeId: NativeId, input: CloneVm, context: OperationContext): Promise<Made> {
    const { journal, signal } = context;
    await this.#vms.demand(nativeId, signal);
    const [uuid] = (await this.#identifiers.reserve(context, 1)) as [string];
    await journal.step({
      name: 'check source and name',
      native: 'GET /vms/{uuid}',
      act: () => this.#check(nativeId, input, uuid, signal),
    });
    context.progress(5);
    const { snapshot } = input;
    await this.#steps.run(context, {
      ...(snapshot === undefined ? steps.clone : steps.restore),
      ask: () => this.#ask(nativeId, input, uuid, signal),
      undo: (undoing) => this.#vms.destroy(uuid, undoing),
      shown: () => this.#vms.shown(uuid, (vm) => vm !== undefined && isComplete(vm), 'is made', signal),
      progress: [5, 80],
    });
    this.#vms.made(uuid);
    const notes = await this.#copies.settle(nativeId, uuid, context);
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
    const { name, snapshot, start } = input;
    await this.#check(nativeId, input, PLANNED, signal);
    const notes = await this.#copies.foreseen(await this.#vms.demand(nativeId, signal), signal);
    // Prism does not show the hardware that a recovery point holds.
    const to = { name, ...(firmware !== undefined && { firmware }), state: start ? 'running' : 'stopped' };
    return {
      ...(snapshot !== undefined && { changes: [{ pointer: '', to }] }),
      steps: [snapshot === undefined ? steps.clone : steps.restore, compareStep, ...(start ? [powerOnStep] : [])],
      warnings: notes.map((detail) => ({ code: 'not-copied', detail })),
    };
  }

  async #check(nativeId: NativeId, { name, snapshot }: CloneVm, uuid: string, signal: AbortSignal): Promise<void> {
    allow('clone', stateOf(await this.#vms.demand(nativeId, signal)));
    await demandFreeName(this.#vms, name, uuid, signal);
    if (snapshot === undefined) return;
    const point = await this.#points.find(snapshot, signal);
    if (point?.vm !== nativeId) throw new ProblemError('snapshot-not-found', `The VM has no snapshot "${snapshot}".`);
  }

  async #ask(
    nativeId: NativeId,
    { name, snapshot }: CloneVm,
    uuid: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const begun = await this.#vms.find(uuid, signal);
    if (begun) return this.#vms.making(begun, signal);
    // A clone shows only when it is made; an earlier try may be under way.
    const [running] = await this.#tasks.openOn(uuid, signal);
    if (running !== undefined) return running;
    try {
      const answer =
        snapshot === undefined
          ? await this.#vms.action(nativeId, 'clone', { metadata: { uuid }, override_spec: { name } }, signal)
          : await patiently(
              () =>
                this.#client.v3('POST', `/vm_recovery_points/${snapshot}/restore`, signal, {
                  metadata: { uuid },
                  vm_override_spec: { name },
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
