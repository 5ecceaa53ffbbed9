import { mkdir, realpath } from 'node:fs/promises';
import {
  ProblemError,
  type CloneVm,
  type DriverVm,
  type Forecast,
  type NativeId,
  type OperationId,
  type Plan,
} from '@polyvirt/contracts';
import { allow, type CloneFacet, type Made, type OperationContext } from '@polyvirt/hypervisor';
import { readVmdk, beside } from '../disks/vmdk.ts';
import { removeStaleLocks } from '../host/locks.ts';
import { exists, type Discovery } from '../inventory/discovery.ts';
import { machineAt, type Machine } from '../inventory/identity.ts';
import { vmsdOf, type Machines } from '../inventory/machines.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import { powerOnStep, type Power } from '../power.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { forgetClone } from '../snapshots/vmsd-edits.ts';
import { achieve, type Patience } from '../vmrun/achieve.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import type { Dictionary } from '../vmx/dictionary.ts';
import { editDictionary, orMissing, readDictionary } from '../vmx/dictionary-file.ts';
import { disksOf } from '../vmx/hardware-reader.ts';
import { renewalOf } from '../vmx/host-things.ts';
import {
  dropCloudInit,
  dropSuspended,
  headless,
  markTemplate,
  MOST_NICS,
  ownKeys,
  renewMacs,
} from '../vmx/hardware-writer.ts';
import { beginAt, emptyUnfinished, finishAt, isFinished, removeFolder } from './folders.ts';
import { macsOf, PLANNED, placeOf, type Place } from './place.ts';

export interface CopyOrder {
  readonly source: Machine;
  readonly machine: Machine;
  readonly place: Place;
  readonly name: string;
  readonly isLinked: boolean;
  /** What vmrun is told to clone from; the present state when absent. */
  readonly snapshot: string | undefined;
  readonly context: OperationContext;
  /** What the copy is to have beside an identity of its own. */
  configure(copy: Dictionary): void;
}

const steps = {
  base: { name: 'take a snapshot to stand on', native: 'vmrun snapshot' },
  folder: { name: 'make its folder' },
  copy: (isLinked: boolean) => ({
    name: isLinked ? 'make a linked clone' : 'copy the VM',
    native: `vmrun clone ${isLinked ? 'linked' : 'full'}`,
  }),
  renew: { name: 'give it an identity of its own' },
} as const;

/** The steps of `make`. */
export const stepsOfCopy = ({
  isLinked,
  takesSnapshot,
}: {
  isLinked: boolean;
  /** A linked clone of the present state stands on a snapshot that is made for it. */
  takesSnapshot: boolean;
}): Plan['steps'] => [...(takesSnapshot ? [steps.base] : []), steps.folder, steps.copy(isLinked), steps.renew];

/** Copies machines by `vmrun clone`. */
export class Cloning implements CloneFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #discovery: Discovery;
  readonly #snapshots: Snapshots;
  readonly #power: Power;
  readonly #patience: Patience;
  readonly #vmFolder: string;

  constructor(parts: {
    vmrun: Vmrun;
    machines: Machines;
    discovery: Discovery;
    snapshots: Snapshots;
    power: Power;
    patience: Patience;
    vmFolder: string;
  }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#discovery = parts.discovery;
    this.#snapshots = parts.snapshots;
    this.#power = parts.power;
    this.#patience = parts.patience;
    this.#vmFolder = parts.vmFolder;
  }

  async clone(nativeId: NativeId, input: CloneVm, context: OperationContext): Promise<Made> {
    const { operationId, journal } = context;
    const source = await this.#machines.demandOpen(nativeId);
    if ((await orMissing(realpath(this.#vmFolder))) === undefined) await mkdir(this.#vmFolder, { recursive: true });
    const place = placeOf(await realpath(this.#vmFolder), input.name, operationId);
    const machine = machineAt(place.vmx, this.#vmrun.platform);
    const { snapshot, macs } = await journal.step({
      name: 'check source, name and snapshot',
      native: 'vmrun listSnapshots',
      act: () => this.#check(source, machine, input, operationId),
    });
    context.progress(5);
    const notes = await this.make({
      source,
      machine,
      place,
      name: input.name,
      isLinked: input.linked,
      snapshot: snapshot ?? undefined,
      context,
      configure: (copy) => {
        dropCloudInit(copy);
        renewMacs(copy, macs);
      },
    });
    this.#discovery.note(machine);
    context.progress(90);
    if (input.start) await this.#power.powerOnNew(machine, context);
    return { nativeId: machine.nativeId, effect: 'changed', notes };
  }

  /** Throws what `clone` would refuse, and says what of the host the copy will not share. */
  async plan({ firmware }: Pick<DriverVm, 'firmware'>, nativeId: NativeId, input: CloneVm): Promise<Forecast> {
    const { name, linked, snapshot, start } = input;
    const source = await this.#machines.demandOpen(nativeId);
    const place = placeOf((await orMissing(realpath(this.#vmFolder))) ?? this.#vmFolder, name, PLANNED);
    await this.#check(source, machineAt(place.vmx, this.#vmrun.platform), input, PLANNED);
    const { notes } = renewalOf(await this.#machines.configuration(source), place.stem);
    const copy = stepsOfCopy({ isLinked: linked, takesSnapshot: linked && snapshot === undefined });
    // The hardware that a snapshot holds is in a file that only Workstation reads.
    const to = { name, ...(firmware !== undefined && { firmware }), state: start ? 'running' : 'stopped' };
    return {
      ...(snapshot !== undefined && { changes: [{ pointer: '', to }] }),
      steps: [...copy, ...(start ? [powerOnStep] : [])],
      warnings: notes.map((detail) => ({ code: 'not-copied', detail })),
    };
  }

  /** The steps from a source to a copy that is off. Answers what of the host was made anew or left out. */
  async make(order: CopyOrder): Promise<string[]> {
    const { source, place, isLinked, context } = order;
    const { operationId, journal, signal } = context;
    // Of a clone of the present state Workstation makes one too, with a name that nobody can tell from others.
    const own =
      isLinked && order.snapshot === undefined ? `Base of ${place.folder.replace(/^.*[\\/]/, '')}` : undefined;
    if (own !== undefined)
      await journal.step({
        ...steps.base,
        act: async () => void (await this.#snapshots.take(source, own, signal)),
        undo: (undoSignal) => this.#snapshots.dropIfThere(source, own, undoSignal),
      });
    context.progress(15);
    await journal.step({
      ...steps.folder,
      act: () => beginAt(place, operationId),
      undo: async (undoSignal) => {
        await this.#vmrun.quiet([place.vmx], undefined, undoSignal);
        // What is still being copied would come back, and no longer be hidden.
        await this.#vmrun.settled([place.vmx, source.vmx], this.#patience.lateMs, undoSignal);
        await removeFolder(place.folder);
        if (isLinked && (await exists(vmsdOf(source.vmx)))) await forgetClone(vmsdOf(source.vmx), place.vmx);
      },
    });
    await journal.step({
      ...steps.copy(isLinked),
      act: () => this.#copy(order, own ?? order.snapshot),
    });
    context.progress(80);
    return journal.step({
      ...steps.renew,
      act: async () => {
        const renewal = renewalOf(await this.#machines.configuration(source), place.stem);
        if (await isFinished(place)) return [...renewal.notes];
        await editDictionary(
          place.vmx,
          (copy) => {
            copy.set('displayName', order.name);
            copy.setAll({
              ...headless,
              [ownKeys.operation]: operationId,
              [ownKeys.createdAt]: new Date().toISOString(),
            });
            for (const key of [ownKeys.baseVmx, ownKeys.baseSnapshot]) copy.delete(key);
            if (own !== undefined) copy.setAll({ [ownKeys.baseVmx]: source.vmx, [ownKeys.baseSnapshot]: own });
            for (const key of renewal.drop) copy.delete(key);
            copy.setAll(renewal.set);
            dropSuspended(copy);
            markTemplate(copy, false);
            order.configure(copy);
          },
          this.#vmrun.codePage,
        );
        await finishAt(place);
        return [...renewal.notes];
      },
    });
  }

  async #check(
    source: Machine,
    own: Machine,
    { name, linked, snapshot }: CloneVm,
    operationId: OperationId,
  ): Promise<{ snapshot: string | null; macs: string[] }> {
    allow('clone', await this.#machines.state(source));
    await this.#machines.demandFreeName(name, own.nativeId);
    const macs = macsOf(operationId, MOST_NICS, await this.#machines.takenMacs(own));
    if (snapshot === undefined) return { snapshot: null, macs };
    const tree = await this.#machines.snapshots(source);
    const found = tree.byId(snapshot);
    if (!found) throw new ProblemError('snapshot-not-found', `The VM has no snapshot ${snapshot}.`);
    if (found.hasMemory)
      throw new ProblemError(
        'wrong-state',
        `The snapshot "${found.name}" holds memory, and Workstation makes no ${linked ? 'linked ' : ''}clone of a VM that runs. Choose one that was taken while the VM was off.`,
      );
    return { snapshot: tree.addressOf(found), macs };
  }

  async #copy(order: CopyOrder, snapshot: string | undefined): Promise<void> {
    const { source, place, isLinked, name, context } = order;
    const { signal } = context;
    if (await isFinished(place)) return;
    const args = [
      ...['clone', source.vmx, place.vmx, isLinked ? 'linked' : 'full'],
      ...(snapshot === undefined ? [] : [`-snapshot=${snapshot}`]),
      `-cloneName=${name}`,
    ];
    let isMade = false;
    await this.#vmrun.alone([source.vmx, place.vmx], async () => {
      await achieve(
        {
          what: 'the copy is complete',
          signal,
          // What was there before may be half of one.
          isDone: async () => isMade && (await isWhole(place.vmx)),
          act: async () => {
            await this.#vmrun.quiet([place.vmx], undefined, signal);
            await this.#vmrun.settled([place.vmx, source.vmx], this.#patience.lateMs, signal);
            await emptyUnfinished(place);
            await removeStaleLocks(source.vmx);
            await this.#vmrun.change(args, { deadline: 'disk', signal });
            isMade = true;
          },
        },
        this.#patience,
      );
    });
  }
}

/** Whether a copy has a configuration, and every disk that it names. */
async function isWhole(vmx: string): Promise<boolean> {
  const configuration = await readDictionary(vmx);
  if (!configuration) return false;
  for (const { fileName } of disksOf(configuration)) {
    const disk = await orUnreadable(readVmdk(beside(vmx, fileName)));
    if (!disk) return false;
  }
  return true;
}
