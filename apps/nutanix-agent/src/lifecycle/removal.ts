import { foreignText, ProblemError, type DeleteVm, type Forecast, type NativeId } from '@polyvirt/contracts';
import { allow, type OperationContext, type Outcome } from '@polyvirt/hypervisor';
import type { Identifiers } from '../client/identifiers.ts';
import { objectAt } from '../client/json.ts';
import type { PrismClient } from '../client/prism-client.ts';
import { taskOf } from '../client/tasks.ts';
import type { ImageEntities } from '../images/image-entities.ts';
import { toProblem } from '../prism.problems.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { disksOf, nameOf, resourcesOf, stateOf, uuidOf } from '../vm/vm-reader.ts';
import type { Vms } from '../vm/vms.ts';
import { volumeGroupsOf } from './copied-hardware.ts';
import type { TaskSteps } from './task-steps.ts';
import { volumeGroupNames } from './volume-groups.ts';

/** What belongs to a VM; written into the journal before the VM is gone. */
type Belongings = {
  name: string;
  disks: { uuid: string; device: string }[];
  snapshots: string[];
  others: string[];
  /** What outlives the VM whatever becomes of its disks. */
  groups: string[];
};

/** Of the name of an image. */
const LONGEST_NAME = 200;
/** Of things that a note names one by one. */
const MOST_NAMED = 5;

const steps = {
  keep: (device: string) => ({ name: `keep ${device} as an image`, native: 'POST /images' }),
  delete: { name: 'delete the VM', native: 'DELETE /vms/{uuid}' },
  point: (uuid: string) => ({ name: `delete recovery point ${uuid}`, native: 'DELETE /vm_recovery_points/{uuid}' }),
  forget: { name: 'erase the note on it', native: 'DELETE /categories/{name}/{value}' },
} as const;

const keptPoints = (others: readonly string[]) =>
  `Kept recovery points that others took: ${named(others)}. The VM can be restored from them in Prism Central.`;
const keptGroup = (group: string) => `Kept ${group}. Volume groups are in Prism Central under Storage.`;

/** Deletes VMs. Prism deletes the disks with them, so those that are to be kept become images first. */
export class Removal {
  readonly #client: PrismClient;
  readonly #images: ImageEntities;
  readonly #identifiers: Identifiers;
  readonly #vms: Vms;
  readonly #snapshots: Snapshots;
  readonly #steps: TaskSteps;

  constructor(parts: {
    client: PrismClient;
    images: ImageEntities;
    identifiers: Identifiers;
    vms: Vms;
    snapshots: Snapshots;
    steps: TaskSteps;
  }) {
    this.#client = parts.client;
    this.#images = parts.images;
    this.#identifiers = parts.identifiers;
    this.#vms = parts.vms;
    this.#snapshots = parts.snapshots;
    this.#steps = parts.steps;
  }

  async delete(nativeId: NativeId, { disks: fate }: DeleteVm, context: OperationContext): Promise<Outcome> {
    const { journal, signal } = context;
    const found = JSON.parse(
      await journal.step({
        name: 'look what belongs to it',
        native: 'GET /vms/{uuid}',
        act: async () => JSON.stringify(await this.#inspect(nativeId, fate, signal)),
      }),
    ) as Belongings;
    const notes: string[] = [];
    if (fate === 'keep' && found.disks.length > 0) notes.push(...(await this.#keepDisks(found, context)));

    await this.#steps.run(context, {
      ...steps.delete,
      ask: () => this.#ask(nativeId, signal),
      shown: () => this.#vms.shown(nativeId, (vm) => vm === undefined, 'is gone', signal),
      holds: async () => (await this.#vms.find(nativeId, signal)) === undefined,
      progress: [30, 80],
    });
    for (const uuid of found.snapshots) {
      const kept = await journal.step({
        ...steps.point(uuid),
        act: () => this.#dropSnapshot(uuid, signal),
      });
      if (kept !== null) notes.push(kept);
    }
    if (found.snapshots.length > 0)
      await journal.step({
        ...steps.forget,
        act: () => this.#snapshots.forget(nativeId, signal),
      });
    if (found.others.length > 0) notes.push(keptPoints(found.others));
    for (const group of found.groups) notes.push(keptGroup(group));
    if (found.disks.length > 0 && fate === 'delete')
      notes.push(
        'Clones of the VM have disks of their own; blocks that they share with it stay for as long as one needs them.',
      );
    return { effect: 'changed', notes };
  }

  /** @throws ProblemError what `delete` would end with */
  async plan(nativeId: NativeId, { disks: fate }: DeleteVm, signal: AbortSignal): Promise<Forecast> {
    const { disks, snapshots, others, groups } = await this.#inspect(nativeId, fate, signal);
    return {
      steps: [
        ...(fate === 'keep' ? disks.map(({ device }) => steps.keep(device)) : []),
        steps.delete,
        ...snapshots.map((uuid) => steps.point(uuid)),
        ...(snapshots.length > 0 ? [steps.forget] : []),
      ],
      warnings: [
        ...(others.length > 0 ? [{ code: 'snapshots-kept', detail: keptPoints(others) }] : []),
        ...groups.map((group) => ({ code: 'volume-groups-kept', detail: keptGroup(group) })),
      ],
    };
  }

  async #inspect(nativeId: NativeId, fate: DeleteVm['disks'], signal: AbortSignal): Promise<Belongings> {
    const vm = await this.#vms.demand(nativeId, signal);
    allow('delete', stateOf(vm));
    const { own, others } = await this.#snapshots.own(nativeId, signal);
    const disks = disksOf(resourcesOf(vm)).map(({ uuid, device }) => {
      if (uuid !== undefined) return { uuid, device };
      if (fate === 'delete') return { uuid: '', device };
      throw new ProblemError(
        'host-rejected',
        `Prism Central does not say which disk ${device} is, so it cannot be kept. Look at it in Prism Central, or delete the VM with its disks.`,
      );
    });
    const groups = await this.#groups(nativeId, volumeGroupsOf(resourcesOf(vm)), signal);
    return { name: nameOf(vm), disks, snapshots: own, others, groups };
  }

  /** The volume groups of a VM in words, each with the other VMs that use it. */
  async #groups(nativeId: NativeId, uuids: readonly string[], signal: AbortSignal): Promise<string[]> {
    if (uuids.length === 0) return [];
    const names = await volumeGroupNames(this.#client, uuids, signal);
    const vms = await this.#vms.all(
      (vm) => ({ uuid: uuidOf(vm), name: nameOf(vm), groups: volumeGroupsOf(resourcesOf(vm)) }),
      signal,
    );
    return uuids.map((group) => {
      const users = vms
        .filter(({ uuid, groups }) => uuid !== nativeId && groups.includes(group))
        .map(({ name }) => name);
      const what = `the volume group ${names.has(group) ? `"${names.get(group)}" (${group})` : group}`;
      return users.length === 0 ? what : `${what}, which is attached to ${named(users)} too`;
    });
  }

  /** Prism deletes a VM that is on as readily as any other, so the state is looked at once more. */
  async #ask(nativeId: NativeId, signal: AbortSignal): Promise<string | undefined> {
    const vm = await this.#vms.find(nativeId, signal);
    if (!vm) return undefined;
    if (objectAt(vm, 'status')['state'] === 'DELETE_PENDING') return taskOf(vm);
    allow('delete', stateOf(vm));
    return this.#vms.delete(nativeId, signal);
  }

  async #keepDisks({ name, disks }: Belongings, context: OperationContext): Promise<string[]> {
    const { signal } = context;
    const uuids = await this.#identifiers.reserve(context, disks.length);
    const notes: string[] = [];
    for (const [index, { uuid, device }] of disks.entries()) {
      const image = uuids[index]!;
      const title = `${[...name].slice(0, LONGEST_NAME).join('')} ${device}`;
      await this.#steps.run(context, {
        ...steps.keep(device),
        ask: () => this.#images.make({ uuid: image, name: title, resources: imageOf(uuid) }, signal),
        undo: (undoing) => this.#images.drop(image, undoing),
      });
      notes.push(`Kept ${device} as the image "${title}" (${image}), as asked.`);
    }
    return notes;
  }

  /** What stays and why, or null; the VM is gone, and a snapshot that is not does not bring it back. */
  async #dropSnapshot(uuid: string, signal: AbortSignal): Promise<string | null> {
    try {
      await this.#snapshots.remove(uuid, signal);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      const problem = toProblem(error);
      if (!(problem instanceof ProblemError)) throw error;
      return `Kept the recovery point ${uuid}: ${problem.message}`;
    }
  }
}

const imageOf = (disk: string) => ({
  image_type: 'DISK_IMAGE',
  data_source_reference: { kind: 'vm_disk', uuid: disk },
});

/** The first few by name, and how many more there are. */
function named(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).map((name) => `"${foreignText(name)}"`);
  const rest = names.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}
