import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ProblemError, type DeleteVm, type Forecast, type NativeId } from '@polyvirt/contracts';
import { allow, type OperationContext, type Outcome } from '@polyvirt/hypervisor';
import { DiskUsers } from '../disks/disk-users.ts';
import { beside, realPath } from '../disks/vmdk.ts';
import { windowOf } from '../host/locks.ts';
import { exists, isThere } from '../inventory/discovery.ts';
import type { Machine } from '../inventory/identity.ts';
import { folderOf, vmsdOf, type Machines } from '../inventory/machines.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { replaceClone } from '../snapshots/vmsd-edits.ts';
import { achieve, type Patience } from '../vmrun/achieve.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { isMissing, orMissing } from '../vmx/dictionary-file.ts';
import { keepFor, removeIfDeserted } from './kept-disks.ts';
import { remainsOf, type Remains } from './remains.ts';

const steps = {
  delete: (isWhole: boolean) => ({ name: 'delete the VM', ...(isWhole && { native: 'vmrun deleteVM' }) }),
  tidy: { name: 'tidy up its folder' },
  release: { name: 'delete the snapshot it stood on', native: 'vmrun deleteSnapshot' },
} as const;

/** Deletes machines and what belongs to nobody else. */
export class Removal {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #snapshots: Snapshots;
  readonly #patience: Patience;

  constructor(parts: { vmrun: Vmrun; machines: Machines; snapshots: Snapshots; patience: Patience }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#snapshots = parts.snapshots;
    this.#patience = parts.patience;
  }

  async delete(nativeId: NativeId, input: DeleteVm, context: OperationContext): Promise<Outcome> {
    const { journal, signal } = context;
    const text = await journal.step({
      name: 'look what belongs to it',
      native: 'vmrun list',
      act: async () => JSON.stringify(await this.#inspect(nativeId, input)),
    });
    const remains = JSON.parse(text) as Remains;
    const machine: Machine = { nativeId, vmx: remains.vmx };
    context.progress(20);
    await journal.step({
      ...steps.delete(remains.isWhole),
      act: () => this.#vmrun.alone([machine.vmx], () => this.#delete(machine, remains, signal)),
    });
    context.progress(70);
    const left = await journal.step({
      ...steps.tidy,
      act: () => this.#tidyUp(machine, remains),
    });
    const notes = [...remains.notes, ...left];
    if (remains.base) notes.push(...(await this.#releaseBase(remains.base, machine, remains.heirs, context)));
    return { effect: 'changed', notes };
  }

  /** Throws what `delete` would refuse, and says which files stay although they were to go. */
  async plan(nativeId: NativeId, input: DeleteVm): Promise<Forecast> {
    const { isWhole, base, notes } = await this.#inspect(nativeId, input);
    return {
      steps: [steps.delete(isWhole), steps.tidy, ...(base ? [steps.release] : [])],
      ...(input.disks === 'delete' && { warnings: notes.map((detail) => ({ code: 'disks-kept', detail })) }),
    };
  }

  async #inspect(nativeId: NativeId, { disks: fate }: DeleteVm): Promise<Remains> {
    const machine = await this.#machines.demandOpen(nativeId);
    allow('delete', await this.#machines.state(machine));
    const window = await windowOf(machine.vmx);
    if (window)
      throw new ProblemError(
        'wrong-state',
        `It is open in a Workstation window (process ${window.pid}). Close its tab there first.`,
      );
    return remainsOf(machine, this.#machines, fate);
  }

  async #delete(machine: Machine, { isWhole, files, vmx }: Remains, signal: AbortSignal): Promise<void> {
    const isGone = async () => !(await isThere(vmx));
    if (await isGone()) return;
    if (await this.#machines.isOn(machine, 'recent'))
      throw new ProblemError('wrong-state', 'Somebody started it in the meantime. Stop it first.');
    if (!isWhole) {
      // vmrun would take the disks along.
      await removeFiles(files);
      return;
    }
    const before = await countOf(files);
    try {
      const act = () => this.#vmrun.change(['deleteVM', vmx], { deadline: 'disk', signal });
      await achieve({ what: 'the VM is gone', signal, isDone: isGone, act }, this.#patience);
    } catch (error) {
      signal.throwIfAborted();
      // Nothing happened: it refused. Half of it happened: the rest can only be gone, too.
      const isDamaged = (await countOf(files)) < before;
      if (!isDamaged || (await this.#machines.isOn(machine))) throw error;
      await removeFiles(files);
    }
  }

  /** Answers what is left and why. */
  async #tidyUp(
    machine: Machine,
    { files, heirs, inherited, kept, cloneOf, keptBelow, abandoned }: Remains,
  ): Promise<string[]> {
    const folder = folderOf(machine);
    await removeFiles(files);
    // Who stood on this one stands on all that is below it, and nothing else may know of them.
    for (const below of keptBelow) if (heirs.length + kept.length > 0) await keepFor(below, [...heirs, ...kept]);
    if (heirs.length > 0) {
      const parent = cloneOf === null ? undefined : vmsdOf(cloneOf);
      if (parent !== undefined && (await isThere(parent))) await replaceClone(parent, machine.vmx, heirs.filter(isVmx));
    }
    await removeFiles(abandoned);
    // A volume that it was given lay in the folder of another VM, which may be gone.
    for (const one of new Set(files.map((path) => dirname(path)))) if (one !== folder) await removeIfEmpty(one);
    for (const one of new Set(abandoned.map((path) => dirname(path)))) await removeIfDeserted(one);
    const names = (await orMissing(readdir(folder))) ?? [];
    if (heirs.length > 0) {
      await keepFor(folder, heirs, inherited);
      return [];
    }
    for (const name of names)
      if (/^vmware(-\d+)?\.log$|\.lck$|^\.polyvirt/i.test(name)) await removeAll(join(folder, name));
    if (await removeIfEmpty(folder)) return [];
    const foreign = ((await orMissing(readdir(folder))) ?? []).filter((name) => !/\.(vmx|vmdk)$/i.test(name));
    return foreign.length === 0 ? [] : [`Left ${folder}: it holds ${foreign.join(', ')}, which is none of VMware's.`];
  }

  /** The snapshot that only this clone stood on. Its source may be busy, gone or on; then it stays and is told. */
  async #releaseBase(
    base: { readonly vmx: string; readonly snapshot: string },
    clone: Machine,
    heirs: readonly string[],
    { journal, signal }: Pick<OperationContext, 'journal' | 'signal'>,
  ): Promise<string[]> {
    return journal.step({
      ...steps.release,
      act: async () => {
        const source = (await this.#machines.all()).find(({ vmx }) => vmx === base.vmx);
        if (!source || !(await isThere(vmsdOf(source.vmx)))) return [];
        try {
          await replaceClone(vmsdOf(source.vmx), clone.vmx, heirs.filter(isVmx));
          const snapshot = (await this.#machines.snapshots(source)).byName(base.snapshot);
          if (!snapshot) return [];
          const users = await DiskUsers.read(this.#machines, source);
          const disks = await Promise.all(snapshot.disks.map((name) => realPath(beside(source.vmx, name))));
          const [other] = (await Promise.all(disks.map((path) => users.of(path)))).flat();
          if (other) return [`Kept the snapshot "${base.snapshot}": "${other.name}" stands on it, too.`];
          if (users.doubt !== undefined) return [`Kept the snapshot "${base.snapshot}": ${users.doubt}`];
          await this.#snapshots.drop(source, String(snapshot.uid), false, signal);
          return [];
        } catch (error) {
          signal.throwIfAborted();
          return [`Kept the snapshot "${base.snapshot}" of its source: ${(error as Error).message}`];
        }
      },
    });
  }
}

const isVmx = (path: string) => /\.vmx$/i.test(path);

async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) await removeAll(path);
}

/** Windows lets go of a file a moment after its process has ended. */
const removeAll = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

async function countOf(paths: readonly string[]): Promise<number> {
  const found = await Promise.all(paths.map((path) => exists(path)));
  return found.filter(Boolean).length;
}

async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    if (['ENOTEMPTY', 'EEXIST', 'EPERM', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
