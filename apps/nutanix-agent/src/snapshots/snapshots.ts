import {
  ProblemError,
  type CreateSnapshot,
  type DriverVm,
  type Forecast,
  type NativeId,
  type Snapshot,
} from '@polyvirt/contracts';
import { allow, type Effect, type OperationContext, type Outcome, type SnapshotFacet } from '@polyvirt/hypervisor';
import { absences } from '../capabilities.ts';
import type { Identifiers } from '../client/identifiers.ts';
import { isTakenId, type PrismClient } from '../client/prism-client.ts';
import { taskOf, type Tasks } from '../client/tasks.ts';
import { volumeGroupsOf } from '../lifecycle/copied-hardware.ts';
import { PLANNED } from '../lifecycle/names.ts';
import type { TaskSteps } from '../lifecycle/task-steps.ts';
import { volumeGroupNames } from '../lifecycle/volume-groups.ts';
import { isTemplate } from '../vm/template-mark.ts';
import { isPending, resourcesOf, stateOf } from '../vm/vm-reader.ts';
import { powerOff, type Vms } from '../vm/vms.ts';
import { hasNoRecoveryPoints, type RecoveryPoints } from './recovery-points.ts';
import { demandShort, noNotes, type SnapshotNote, type SnapshotNotes } from './snapshot-notes.ts';
import { snapshotTree, withDescendants } from './snapshot-tree.ts';

/** Of the name of a recovery point. */
const LONGEST_NAME = 64;

type Prepared = { note: SnapshotNote; before: string | null; groups: string[] };
/** In the order in which they go, each with those that move to its parent. */
type Doomed = {
  points: { id: string; parent: string | null; moves: { id: string; note: SnapshotNote }[] }[];
  standsOn: string | null;
};

const steps = {
  note: { name: 'note its name and place', native: 'PUT /categories/{name}/{value}' },
  take: { name: 'take the recovery point', native: 'POST /vms/{uuid}/snapshot' },
  stand: { name: 'note that the VM stands on it', native: 'PUT /categories/{name}/{value}' },
  cut: { name: 'cut the power', native: 'PUT /vms/{uuid}' },
  revert: { name: 'revert to the recovery point', native: 'POST /vms/{uuid}/revert' },
  delete: (id: string) => ({ name: `delete recovery point ${id}`, native: 'DELETE /vm_recovery_points/{uuid}' }),
} as const;

const leftOut = (group: string) =>
  `It leaves out the volume group "${group}", whose contents stay as they are when the VM is reverted.`;

/** Snapshots are recovery points of Prism, with notes of ours on how they hang together. */
export class Snapshots implements SnapshotFacet {
  readonly #client: PrismClient;
  readonly #vms: Vms;
  readonly #tasks: Tasks;
  readonly #identifiers: Identifiers;
  readonly #points: RecoveryPoints;
  readonly #notes: SnapshotNotes;
  readonly #steps: TaskSteps;

  constructor(parts: {
    client: PrismClient;
    vms: Vms;
    tasks: Tasks;
    identifiers: Identifiers;
    points: RecoveryPoints;
    notes: SnapshotNotes;
    steps: TaskSteps;
  }) {
    this.#client = parts.client;
    this.#vms = parts.vms;
    this.#tasks = parts.tasks;
    this.#identifiers = parts.identifiers;
    this.#points = parts.points;
    this.#notes = parts.notes;
    this.#steps = parts.steps;
  }

  /** Of all VMs that have any. A Prism without recovery points has none. */
  async all(signal: AbortSignal): Promise<Map<NativeId, Snapshot[]>> {
    const points = await this.#listed(signal);
    const notes = points.length > 0 ? await this.#notes.read(signal) : noNotes;
    const byVm = Map.groupBy(points, ({ vm }) => vm);
    return new Map([...byVm].map(([vm, own]) => [vm, snapshotTree(own, notes)]));
  }

  async of(nativeId: NativeId, signal: AbortSignal): Promise<Snapshot[]> {
    const points = await this.#listed(signal, nativeId);
    return points.length > 0 ? snapshotTree(points, await this.#notes.read(signal)) : [];
  }

  async create(
    nativeId: NativeId,
    input: CreateSnapshot,
    context: OperationContext,
  ): Promise<{ snapshot: string; effect: Effect; notes: string[] }> {
    const { journal, signal } = context;
    await this.#vms.demand(nativeId, signal);
    const [uuid] = (await this.#identifiers.reserve(context, 1)) as [string];
    const { note, before, groups } = JSON.parse(
      await journal.step({
        name: 'check state and name',
        native: 'POST /vm_recovery_points/list',
        act: async () => JSON.stringify(await this.#prepare(nativeId, uuid, input, signal)),
      }),
    ) as Prepared;
    await journal.step({
      ...steps.note,
      act: () => this.#notes.write(uuid, note, signal),
      undo: (undoing) => this.#notes.erase(uuid, undoing),
    });
    await this.#steps.run(context, {
      ...steps.take,
      ask: () => this.#take(nativeId, uuid, note.name, signal),
      undo: (undoing) => this.#drop(uuid, undoing),
      shown: () => this.#points.settled(uuid, true, signal),
      progress: [10, 90],
    });
    await journal.step({
      ...steps.stand,
      act: () => this.#notes.stand(nativeId, uuid, signal),
      undo: (undoing) => this.#notes.stand(nativeId, before, undoing),
    });
    return { snapshot: uuid, effect: 'changed', notes: groups.map(leftOut) };
  }

  async revert(nativeId: NativeId, id: string, context: OperationContext): Promise<Outcome> {
    const { journal, signal } = context;
    await journal.step({
      name: 'check the snapshot',
      native: 'GET /vm_recovery_points/{uuid}',
      act: () => this.#checkRevert(nativeId, id, signal),
    });
    // Releases differ in whether a running VM is reverted; its present is given up either way.
    await this.#steps.run(context, {
      ...steps.cut,
      ask: () => this.#vms.edit(nativeId, powerOff, signal),
      shown: () => this.#vms.shown(nativeId, (vm) => vm !== undefined && stateOf(vm) === 'stopped', 'is off', signal),
      holds: async () => stateOf(await this.#vms.demand(nativeId, signal)) === 'stopped',
    });
    await this.#steps.run(context, {
      ...steps.revert,
      ask: async () => taskOf(await this.#vms.action(nativeId, 'revert', { vm_recovery_point_uuid: id }, signal)),
      shown: () => this.#vms.shown(nativeId, (vm) => vm !== undefined && !isPending(vm), 'is reverted', signal),
      progress: [20, 90],
    });
    await journal.step({
      ...steps.stand,
      act: () => this.#notes.stand(nativeId, id, signal),
    });
    return { effect: 'changed' };
  }

  async delete(
    nativeId: NativeId,
    { snapshot, children }: { snapshot: string; children: boolean },
    context: OperationContext,
  ): Promise<Outcome> {
    const { journal, signal } = context;
    const doomed = JSON.parse(
      await journal.step({
        name: 'look for the snapshot',
        native: 'POST /vm_recovery_points/list',
        act: async () => JSON.stringify(await this.#doom(nativeId, snapshot, children, signal)),
      }),
    ) as Doomed;
    if (doomed.points.length === 0) return { effect: 'unchanged' };
    let { standsOn } = doomed;
    for (const [index, { id, parent, moves }] of doomed.points.entries()) {
      const share = 100 / doomed.points.length;
      await this.#steps.run(context, {
        ...steps.delete(id),
        ask: () => this.#points.delete(id, signal),
        shown: () => this.#points.settled(id, false, signal),
        progress: [share * index, share * (index + 1)],
      });
      // Only now, as one that Prism does not delete keeps its place; until then its note leads past it.
      const now = standsOn === id ? parent : standsOn;
      const isMoved = now !== standsOn;
      await journal.step({
        name: `note what ${id} leaves behind`,
        native: 'PUT /categories/{name}/{value}',
        act: async () => {
          for (const move of moves) await this.#notes.write(move.id, move.note, signal);
          if (isMoved) await this.#notes.stand(nativeId, now, signal);
          await this.#notes.erase(id, signal);
        },
      });
      standsOn = now;
    }
    return { effect: 'changed' };
  }

  /** @throws ProblemError what `create` would end with */
  async plan(
    { state }: Pick<DriverVm, 'state'>,
    nativeId: NativeId,
    input: CreateSnapshot,
    signal: AbortSignal,
  ): Promise<Forecast> {
    const { groups } = await this.#prepare(nativeId, PLANNED, input, signal);
    const { name, description } = input;
    const to = { name, ...(description !== undefined && { description }), state, memory: false };
    return {
      changes: [{ pointer: '/snapshots/-', to }],
      steps: [steps.note, steps.take, steps.stand],
      warnings: groups.map((group) => ({ code: 'volume-groups-kept', detail: leftOut(group) })),
    };
  }

  async planRevert(nativeId: NativeId, id: string, signal: AbortSignal): Promise<Forecast> {
    await this.#checkRevert(nativeId, id, signal);
    return { steps: [steps.cut, steps.revert, steps.stand] };
  }

  async planDelete(
    nativeId: NativeId,
    { snapshot, children }: { snapshot: string; children: boolean },
    signal: AbortSignal,
  ): Promise<Forecast> {
    const { points } = await this.#doom(nativeId, snapshot, children, signal);
    return { steps: points.map(({ id }) => steps.delete(id)) };
  }

  async #checkRevert(nativeId: NativeId, id: string, signal: AbortSignal): Promise<void> {
    const vm = await this.#vms.demand(nativeId, signal);
    allow('snapshot-revert', { state: stateOf(vm), template: isTemplate(vm) });
    const point = await this.#points.find(id, signal);
    if (point?.vm !== nativeId) throw snapshotNotFound(id);
  }

  /** Those of a VM that we took; its others are backups by a policy or by hand, which are not ours to delete. */
  async own(nativeId: NativeId, signal: AbortSignal): Promise<{ own: string[]; others: string[] }> {
    const points = await this.#listed(signal, nativeId);
    if (points.length === 0) return { own: [], others: [] };
    const { snapshots } = await this.#notes.read(signal);
    const { own = [], others = [] } = Object.groupBy(points, ({ uuid }) => (snapshots.has(uuid) ? 'own' : 'others'));
    return { own: own.map(({ uuid }) => uuid), others: others.map(({ name }) => name) };
  }

  /** Deletes a recovery point with its note. */
  async remove(uuid: string, signal: AbortSignal): Promise<void> {
    const task = await this.#points.delete(uuid, signal);
    if (task !== undefined) await this.#tasks.over(task, signal);
    await this.#points.settled(uuid, false, signal);
    await this.#notes.erase(uuid, signal);
  }

  /** Forgets what a VM that is gone stood on. */
  forget(nativeId: NativeId, signal: AbortSignal): Promise<void> {
    return this.#notes.erase(nativeId, signal);
  }

  async #prepare(
    nativeId: NativeId,
    uuid: string,
    { name, description, memory }: CreateSnapshot,
    signal: AbortSignal,
  ): Promise<Prepared> {
    const vm = await this.#vms.demand(nativeId, signal);
    const state = stateOf(vm);
    allow('snapshot-create', state);
    if (memory === true && state !== 'stopped')
      throw new ProblemError('capability-missing', absences['snapshots.memory']);
    const tree = snapshotTree(await this.#points.list(signal, nativeId), await this.#notes.read(signal));
    if (tree.some((snapshot) => snapshot.name === name && snapshot.id !== uuid))
      throw new ProblemError('name-taken', `The VM already has a snapshot "${name}".`);
    const parent = tree.find(({ current }) => current)?.id ?? null;
    const note = { name, ...(description === undefined ? {} : { description }), parent, state };
    demandShort(note);
    const attached = volumeGroupsOf(resourcesOf(vm));
    const names = await volumeGroupNames(this.#client, attached, signal);
    return { note, before: parent, groups: attached.map((uuid) => names.get(uuid) ?? uuid) };
  }

  async #take(nativeId: NativeId, uuid: string, name: string, signal: AbortSignal): Promise<string | undefined> {
    if (await this.#points.find(uuid, signal)) return undefined;
    // It shows only when it is taken; an earlier try may be under way.
    const [running] = await this.#tasks.openOn(uuid, signal);
    if (running !== undefined) return running;
    const wish = {
      name: [...name].slice(0, LONGEST_NAME).join(''),
      recovery_point_type: 'CRASH_CONSISTENT',
      vm_recovery_point_uuid: uuid,
    };
    try {
      return taskOf(await this.#vms.action(nativeId, 'snapshot', wish, signal));
    } catch (error) {
      if (!isTakenId(error)) throw error;
      return (await this.#tasks.openOn(uuid, signal))[0];
    }
  }

  async #drop(uuid: string, signal: AbortSignal): Promise<void> {
    for (const task of await this.#tasks.openOn(uuid, signal)) {
      await this.#tasks.abort(task);
      await this.#tasks.settled(task, signal);
    }
    if (await this.#tasks.hasMade(uuid, signal)) await this.#points.awaited(uuid, signal);
    await this.remove(uuid, signal);
  }

  async #doom(nativeId: NativeId, id: string, children: boolean, signal: AbortSignal): Promise<Doomed> {
    allow('snapshot-delete', stateOf(await this.#vms.demand(nativeId, signal)));
    const notes = await this.#notes.read(signal);
    const tree = snapshotTree(await this.#points.list(signal, nativeId), notes);
    const target = tree.find((snapshot) => snapshot.id === id);
    const standsOn = tree.find(({ current }) => current)?.id ?? null;
    if (!target) return { points: [], standsOn };
    const moves = tree
      .filter(({ parent }) => !children && parent === id)
      .map(({ id: child }) => ({ id: child, note: { ...notes.snapshots.get(child)!, parent: target.parent } }));
    const going = children ? withDescendants(tree, id) : [id];
    const parents = new Map(tree.map((snapshot) => [snapshot.id, snapshot.parent]));
    return { points: going.map((point) => ({ id: point, parent: parents.get(point) ?? null, moves })), standsOn };
  }

  async #listed(signal: AbortSignal, nativeId?: NativeId) {
    return this.#points.list(signal, nativeId).catch((error: unknown) => {
      if (hasNoRecoveryPoints(error)) return [];
      throw error;
    });
  }
}

const snapshotNotFound = (id: string): ProblemError =>
  new ProblemError('snapshot-not-found', `The VM has no snapshot "${id}".`);
