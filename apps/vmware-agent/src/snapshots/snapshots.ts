import {
  ProblemError,
  type CreateSnapshot,
  type DriverVm,
  type Forecast,
  type NativeId,
  type VmState,
} from '@polyvirt/contracts';
import { allow, type Effect, type OperationContext, type Outcome, type SnapshotFacet } from '@polyvirt/hypervisor';
import { disksUsedBy, DiskUsers, isLayer, removeOrphanedLayers, unseenWords } from '../disks/disk-users.ts';
import { beside } from '../disks/vmdk.ts';
import { removeStaleLocks } from '../host/locks.ts';
import { exists, isOutOfSight, isThere } from '../inventory/discovery.ts';
import type { Machine } from '../inventory/identity.ts';
import { vmsdOf, type Machines } from '../inventory/machines.ts';
import type { Power } from '../power.ts';
import { noSnapshotWithoutMemory } from '../absent-features.ts';
import { achieve, type Patience } from '../vmrun/achieve.ts';
import { isUnsupported } from '../vmrun/vmrun.problems.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { editDictionary } from '../vmx/dictionary-file.ts';
import { SnapshotTree, type VmsdSnapshot } from './snapshot-tree.ts';
import { describeSnapshot, forgetClone } from './vmsd-edits.ts';

const noDeletionAlone = (cause: unknown) =>
  new ProblemError(
    'host-rejected',
    'This release of Workstation deletes no snapshot on its own that has others below it. Delete those first, or together with it.',
    { cause },
  );

const steps = {
  take: { name: 'take the snapshot', native: 'vmrun snapshot' },
  describe: { name: 'describe it' },
  off: { name: 'turn it off', native: 'vmrun stop hard' },
  revert: { name: 'revert', native: 'vmrun revertToSnapshot' },
  resume: { name: 'let it go on from there', native: 'vmrun start nogui' },
  delete: (children: boolean) => ({
    name: 'delete the snapshot',
    native: children ? 'vmrun deleteSnapshot andDeleteChildren' : 'vmrun deleteSnapshot',
  }),
} as const;

const isOnState = (state: VmState) => state === 'running' || state === 'paused';

/** Snapshots by vmrun. The id of a snapshot is the uid in the .vmsd file, which is never given again. */
export class Snapshots implements SnapshotFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #power: Power;
  readonly #patience: Patience;

  constructor(parts: { vmrun: Vmrun; machines: Machines; power: Power; patience: Patience }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#power = parts.power;
    this.#patience = parts.patience;
  }

  async create(
    nativeId: NativeId,
    { name, description, memory }: CreateSnapshot,
    context: OperationContext,
  ): Promise<{ snapshot: string; effect: Effect }> {
    const { journal, signal } = context;
    const machine = await this.#machines.demandOpen(nativeId);
    await journal.step({
      name: 'check state and name',
      native: 'vmrun listSnapshots',
      act: () => this.#checkNew(machine, { name, memory }),
    });
    context.progress(10);
    const snapshot = await journal.step({
      ...steps.take,
      act: async () => String((await this.take(machine, name, signal)).uid),
      undo: (undoSignal) => this.dropIfThere(machine, name, undoSignal),
    });
    if (description !== undefined)
      await journal.step({
        ...steps.describe,
        act: async () =>
          void (await describeSnapshot(vmsdOf(machine.vmx), Number(snapshot), description, this.#vmrun.codePage)),
      });
    return { snapshot, effect: 'changed' };
  }

  async revert(nativeId: NativeId, id: string, context: OperationContext): Promise<Outcome> {
    const { journal, signal } = context;
    const machine = await this.#machines.demandOpen(nativeId);
    const plan = await journal.step({
      name: 'look for the snapshot',
      native: 'vmrun listSnapshots',
      act: () => this.#checkRevert(machine, id),
    });
    // Workstation reverts no VM that is on.
    await journal.step({
      ...steps.off,
      act: () => this.#power.cutPower(machine, signal),
    });
    context.progress(30);
    await journal.step({
      ...steps.revert,
      act: () =>
        this.#vmrun.alone([machine.vmx], async () => {
          let isReverted = false;
          await achieve(
            {
              what: 'the VM is back at the snapshot',
              signal,
              isDone: async () => isReverted,
              act: async () => {
                await removeStaleLocks(machine.vmx);
                const args = ['revertToSnapshot', machine.vmx, plan.address];
                await this.#vmrun.change(args, { deadline: 'state', signal });
                isReverted = true;
              },
            },
            this.#patience,
          );
        }),
    });
    context.progress(80);
    await journal.step({
      ...steps.resume,
      act: async () => {
        // Some builds bring the name of that time back, too.
        if (!(await this.#machines.isOn(machine, 'recent')))
          await editDictionary(machine.vmx, (vmx) => vmx.set('displayName', plan.name), this.#vmrun.codePage);
        if (plan.hasMemory) await this.#power.powerOn(machine, signal);
        else await this.#power.cutPower(machine, signal);
      },
    });
    return { effect: 'changed', ...(await this.#givenUp(machine, plan.disks)) };
  }

  async delete(
    nativeId: NativeId,
    { snapshot: id, children }: { snapshot: string; children: boolean },
    { journal, signal }: OperationContext,
  ): Promise<Outcome> {
    const machine = await this.#machines.demandOpen(nativeId);
    const before = await journal.step({
      name: 'look for the snapshot',
      native: 'vmrun listSnapshots',
      act: async () =>
        (await this.#checkDelete(machine, id, children)) ? [...(await disksUsedBy(machine, this.#machines))] : null,
    });
    if (!before) return { effect: 'unchanged' };
    await journal.step({
      ...steps.delete(children),
      act: () => this.drop(machine, id, children, signal),
    });
    return { effect: 'changed', ...(await this.#givenUp(machine, before)) };
  }

  /** What is to be said of disks that it had before, has no more, and that are still there. */
  async #givenUp(machine: Machine, before: readonly string[]): Promise<Pick<Outcome, 'notes'>> {
    const now = await disksUsedBy(machine, this.#machines);
    const left: string[] = [];
    for (const path of before) if (!(await now.has(path)) && (await exists(path))) left.push(path);
    return left.length > 0 ? { notes: left.map((path) => `Kept ${path}: the VM has it no more.`) } : {};
  }

  /** Throws what `create` would refuse. Workstation keeps the memory of a running VM, whether it is asked for or not. */
  async plan(
    { state }: Pick<DriverVm, 'state'>,
    nativeId: NativeId,
    { name, description, memory }: CreateSnapshot,
  ): Promise<Forecast> {
    await this.#checkNew(await this.#machines.demandOpen(nativeId), { name, memory });
    const to = { name, ...(description !== undefined && { description }), state, memory: isOnState(state) };
    return {
      changes: [{ pointer: '/snapshots/-', to }],
      steps: [steps.take, ...(description === undefined ? [] : [steps.describe])],
    };
  }

  async planRevert(nativeId: NativeId, id: string): Promise<Forecast> {
    await this.#checkRevert(await this.#machines.demandOpen(nativeId), id);
    return { steps: [steps.off, steps.revert, steps.resume] };
  }

  async planDelete(
    nativeId: NativeId,
    { snapshot, children }: { snapshot: string; children: boolean },
  ): Promise<Forecast> {
    await this.#checkDelete(await this.#machines.demandOpen(nativeId), snapshot, children);
    return { steps: [steps.delete(children)] };
  }

  async #checkNew(machine: Machine, { name, memory }: Pick<CreateSnapshot, 'name' | 'memory'>): Promise<void> {
    const state = await this.#machines.state(machine);
    allow('snapshot-create', state);
    if (isOnState(state) && memory === false) throw new ProblemError('capability-missing', noSnapshotWithoutMemory);
    if ((await this.#machines.snapshots(machine)).byName(name))
      throw new ProblemError('name-taken', `The VM already has a snapshot "${name}".`);
  }

  async #checkRevert(
    machine: Machine,
    id: string,
  ): Promise<{ address: string; hasMemory: boolean; name: string; disks: string[] }> {
    allow('snapshot-revert', await this.#machines.standing(machine));
    const tree = await this.#machines.snapshots(machine);
    const snapshot = tree.byId(id);
    if (!snapshot) throw new ProblemError('snapshot-not-found', `The VM has no snapshot ${id}.`);
    await this.#refuseLoss(machine);
    const name = await this.#machines.nameOf(machine);
    const disks = [...(await disksUsedBy(machine, this.#machines))];
    return { address: tree.addressOf(snapshot), hasMemory: snapshot.hasMemory, name, disks };
  }

  /** Whether it is there. */
  async #checkDelete(machine: Machine, id: string, children: boolean): Promise<boolean> {
    allow('snapshot-delete', await this.#machines.state(machine));
    const tree = await this.#machines.snapshots(machine);
    const snapshot = tree.byId(id);
    if (!snapshot) return false;
    await this.#refuseForClones(tree, snapshot, children);
    await this.#refuseForOthers(machine, tree, snapshot, children);
    return true;
  }

  /** Takes a snapshot unless one of this name is there. */
  take(machine: Machine, name: string, signal: AbortSignal): Promise<VmsdSnapshot> {
    const find = async () => (await this.#machines.snapshots(machine)).byName(name);
    return this.#vmrun.alone([machine.vmx], async () => {
      let hasFailed = false;
      await achieve(
        {
          what: `there is a snapshot "${name}"`,
          signal,
          isDone: async () => (await find()) !== undefined,
          act: async () => {
            if (!(await this.#machines.isOn(machine, 'recent'))) await removeStaleLocks(machine.vmx);
            try {
              await this.#vmrun.change(['snapshot', machine.vmx, name], { deadline: 'state', signal });
            } catch (error) {
              hasFailed = true;
              throw error;
            }
          },
        },
        this.#patience,
      );
      if (hasFailed) await this.#sweep(machine, signal);
      return (await find())!;
    });
  }

  /** Deletes a snapshot unless it is gone. */
  drop(machine: Machine, id: string, children: boolean, signal: AbortSignal): Promise<void> {
    const find = async () => (await this.#machines.snapshots(machine)).byId(id);
    const act = async () => {
      const tree = await this.#machines.snapshots(machine);
      const address = tree.addressOf(tree.byId(id)!);
      if (!(await this.#machines.isOn(machine, 'recent'))) {
        await removeStaleLocks(machine.vmx);
        await this.#forgetGoneClones(machine, tree);
      }
      const args = ['deleteSnapshot', machine.vmx, address, ...(children ? ['andDeleteChildren'] : [])];
      await this.#vmrun.change(args, { deadline: 'disk', signal });
    };
    return this.#vmrun.alone([machine.vmx], async () => {
      try {
        const isDone = async () => (await find()) === undefined;
        await achieve({ what: 'the snapshot is gone', signal, isDone, act }, this.#patience);
      } catch (error) {
        if (children || !isUnsupported(error)) throw error;
        const tree = await this.#machines.snapshots(machine);
        const snapshot = tree.byId(id);
        throw snapshot && tree.childrenOf(snapshot).length > 0 ? noDeletionAlone(error) : error;
      }
    });
  }

  /** Those who deleted them by hand told nobody, and some builds refuse for them. */
  async #forgetGoneClones({ vmx }: Machine, tree: SnapshotTree): Promise<void> {
    for (const clone of tree.all.flatMap(({ clones }) => clones))
      if (!(await isThere(clone)) && !(await isOutOfSight(clone))) await forgetClone(vmsdOf(vmx), clone);
  }

  /** Takes back what `take` made, also when it ended half-way. */
  async dropIfThere(machine: Machine, name: string, signal: AbortSignal): Promise<void> {
    if (!(await exists(machine.vmx))) return;
    await this.#vmrun.quiet([machine.vmx], undefined, signal);
    await this.#vmrun.settled([machine.vmx], this.#patience.lateMs, signal);
    const snapshot = (await this.#machines.snapshots(machine)).byName(name);
    if (snapshot) await this.drop(machine, String(snapshot.uid), false, signal);
    await this.#vmrun.alone([machine.vmx], () => this.#sweep(machine, signal));
  }

  /** Removes what calls that died left behind. A layer on which nothing stands yet may be one that is just being made. */
  async #sweep(machine: Machine, signal: AbortSignal): Promise<void> {
    await this.#vmrun.settled([machine.vmx], this.#patience.lateMs, signal);
    if (!(await this.#machines.isOn(machine, 'recent'))) await removeOrphanedLayers(machine, this.#machines);
  }

  /** By the files themselves: the list of clones can be lost, and other tools note nothing in it. */
  async #refuseForOthers(
    machine: Machine,
    tree: SnapshotTree,
    snapshot: VmsdSnapshot,
    children: boolean,
  ): Promise<void> {
    const touched = [snapshot, ...(children ? tree.descendantsOf(snapshot) : tree.childrenOf(snapshot))];
    await this.#refuseForUsers(
      machine,
      touched.flatMap(({ disks }) => disks),
      'It cannot be deleted',
    );
  }

  /** A revert gives the present disks up, with all that was written since the last snapshot. */
  async #refuseLoss(machine: Machine): Promise<void> {
    const disks = await this.#machines.diskFiles(machine);
    const layers = disks.map(({ path }) => path).filter((path) => isLayer(path));
    await this.#refuseForUsers(machine, layers, 'It cannot be reverted');
  }

  async #refuseForUsers(machine: Machine, disks: readonly string[], refusal: string): Promise<void> {
    const users = await DiskUsers.read(this.#machines, machine);
    const paths = disks.map((name) => beside(machine.vmx, name));
    const names = (await Promise.all(paths.map((path) => users.of(path)))).flat().map(({ name }) => `"${name}"`);
    if (names.length > 0)
      throw new ProblemError(
        'wrong-state',
        `${refusal}: ${[...new Set(names)].join(', ')} stands on its disks. Delete that first, or make a full clone of it.`,
      );
    // Of what lies in places that nobody here may look into, the list of clones tells.
    if (paths.length > 0 && users.unseen.size > 0)
      throw new ProblemError('host-rejected', `${refusal} now: ${unseenWords(users.unseen, 'its disks')}`);
  }

  /** vmrun deletes what linked clones stand on, and breaks them. A snapshot's disk is merged with those of its children. */
  async #refuseForClones(tree: SnapshotTree, snapshot: VmsdSnapshot, children: boolean): Promise<void> {
    const touched = [snapshot, ...(children ? tree.descendantsOf(snapshot) : tree.childrenOf(snapshot))];
    const clones: string[] = [];
    for (const path of touched.flatMap((one) => one.clones))
      if ((await isThere(path)) || (await isOutOfSight(path))) clones.push(path);
    if (clones.length > 0)
      throw new ProblemError(
        'wrong-state',
        `Linked clones stand on it: ${clones.join(', ')}. Delete them first, or make full clones of them.`,
      );
  }
}
