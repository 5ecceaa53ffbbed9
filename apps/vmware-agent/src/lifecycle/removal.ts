import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ProblemError, type DeleteVm, type NativeId } from '@polyvirt/contracts';
import { allow, type OperationContext, type Outcome } from '@polyvirt/hypervisor';
import { disksUsedBy, DiskUsers, namedBy, type DiskSet } from '../disks/disk-users.ts';
import { beside, readVmdk, realPath } from '../disks/vmdk.ts';
import { windowOf } from '../host/locks.ts';
import { exists } from '../inventory/discovery.ts';
import type { Machine } from '../inventory/identity.ts';
import { folderOf, stemOf, vmsdOf, type Machines } from '../inventory/machines.ts';
import { pendingFileOf } from '../inventory/pending-changes.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { replaceClone } from '../snapshots/vmsd-edits.ts';
import { achieve, type Patience } from '../vmrun/achieve.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { isMissing, orMissing } from '../vmx/dictionary-file.ts';
import { ownKeys } from '../vmx/hardware-writer.ts';
import { isKeptFor, keepFor, neededBy } from './kept-disks.ts';

/** Files of VMware that belong to the one machine of a folder, whatever their name. */
const vmwareFile = /\.(vmx|vmxf|vmsd|vmsn|vmss|vmem|nvram|scoreboard|vmtm|vmpl)$|^vmware(-\d+)?\.log$|\.lck$/i;

/** What a machine leaves behind; written into the journal before the machine is gone. */
interface Remains {
  readonly vmx: string;
  /** Files to delete, the .vmx file last; the disks that stay are none of them. */
  readonly files: readonly string[];
  /** Whether vmrun may delete it, as nothing of it has to stay. */
  readonly isWhole: boolean;
  /** .vmx files of the machines that disks of this one stay for. */
  readonly heirs: readonly string[];
  /** .vmx file of the machine that it is a linked clone of. */
  readonly cloneOf: string | null;
  /** Folders of machines that were deleted before, with disks that this one stands on. */
  readonly keptBelow: readonly string[];
  /** Disks of machines that were deleted before and that only this one stood on. */
  readonly abandoned: readonly string[];
  /** The source of a linked clone, and the snapshot that was made for it. */
  readonly base: { readonly vmx: string; readonly snapshot: string } | null;
  readonly notes: readonly string[];
}

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
      act: async () => JSON.stringify((await this.#inspect(nativeId, input)) ?? null),
    });
    const remains = JSON.parse(text) as Remains | null;
    if (!remains) return { effect: 'unchanged' };
    const machine: Machine = { nativeId, vmx: remains.vmx };
    context.progress(20);
    await journal.step({
      name: 'delete the VM',
      ...(remains.isWhole && { native: 'vmrun deleteVM' }),
      act: () => this.#vmrun.alone([machine.vmx], () => this.#delete(machine, remains, signal)),
    });
    context.progress(70);
    const left = await journal.step({
      name: 'tidy up its folder',
      act: () => this.#tidyUp(machine, remains),
    });
    const notes = [...remains.notes, ...left];
    if (remains.base) notes.push(...(await this.#releaseBase(remains.base, machine, remains.heirs, context)));
    return { effect: 'changed', notes };
  }

  async #inspect(nativeId: NativeId, { disks: fate }: DeleteVm): Promise<Remains | undefined> {
    if (!(await this.#machines.find(nativeId))) return undefined;
    const machine = await this.#machines.demandOpen(nativeId);
    allow('delete', await this.#machines.state(machine));
    const window = await windowOf(machine.vmx);
    if (window)
      throw new ProblemError(
        'wrong-state',
        `It is open in a Workstation window (process ${window.pid}). Close its tab there first.`,
      );
    const { vmx } = machine;
    const folder = folderOf(machine);
    const users = await DiskUsers.read(this.#machines, machine);
    const used = await disksUsedBy(machine, this.#machines);
    const own = [...used].filter((path) => dirname(path) === folder);
    const notes: string[] = [];
    const doomed: string[] = [];
    const heirs = new Set<string>();
    for (const path of own) {
      const names = users.of(path).map(({ name }) => `"${name}"`);
      for (const { vmx: heir } of users.of(path)) heirs.add(heir);
      if (names.length > 0) notes.push(`Kept ${path}: it is in use by ${names.join(', ')}.`);
      else if (fate === 'keep') notes.push(`Kept ${path}, as asked.`);
      else doomed.push(path);
    }
    for (const { device, path } of await this.#machines.diskFiles(machine))
      if (dirname(await realPath(path)) !== folder)
        notes.push(`Kept ${device} (${path}): it lies outside the folder of the VM.`);
    const isElsewhere = (await namedBy(machine, this.#machines)).some((path) => dirname(path) !== folder);
    const diskFiles = (await Promise.all(doomed.map(filesOfDisk))).flat();
    const configuration = await this.#machines.configuration(machine);
    const [baseVmx, baseSnapshot] = [configuration.get(ownKeys.baseVmx), configuration.get(ownKeys.baseSnapshot)];
    return {
      vmx,
      files: [...diskFiles, ...(await otherFiles(machine)), pendingFileOf(vmx), vmx],
      isWhole: doomed.length === own.length && !isElsewhere,
      heirs: [...heirs],
      cloneOf: (await this.#machines.snapshots(machine)).cloneOf ?? null,
      abandoned: fate === 'keep' ? [] : await abandonedBy(used, machine, users),
      keptBelow: await keptFolders(used, folder),
      base: baseVmx === undefined || baseSnapshot === undefined ? null : { vmx: baseVmx, snapshot: baseSnapshot },
      notes,
    };
  }

  async #delete(machine: Machine, { isWhole, files, vmx }: Remains, signal: AbortSignal): Promise<void> {
    const isGone = async () => !(await exists(vmx));
    if (await isGone()) return;
    if (await this.#machines.isOn(machine))
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
  async #tidyUp(machine: Machine, { files, heirs, cloneOf, keptBelow, abandoned }: Remains): Promise<string[]> {
    const folder = folderOf(machine);
    await removeFiles(files);
    if (heirs.length > 0) {
      // Who stood on this one stands on all that is below it, and nothing else may know of them.
      for (const below of keptBelow) await keepFor(below, heirs);
      const parent = cloneOf === null ? undefined : vmsdOf(cloneOf);
      if (parent !== undefined && (await exists(parent))) await replaceClone(parent, machine.vmx, heirs);
    }
    await removeFiles(abandoned);
    for (const one of new Set(abandoned.map((path) => dirname(path)))) await removeIfDeserted(one);
    const names = (await orMissing(readdir(folder))) ?? [];
    if (heirs.length > 0) {
      await keepFor(folder, heirs);
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
      name: 'delete the snapshot it stood on',
      native: 'vmrun deleteSnapshot',
      act: async () => {
        const source = (await this.#machines.all()).find(({ vmx }) => vmx === base.vmx);
        if (!source || !(await exists(vmsdOf(source.vmx)))) return [];
        try {
          await replaceClone(vmsdOf(source.vmx), clone.vmx, heirs);
          const snapshot = (await this.#machines.snapshots(source)).byName(base.snapshot);
          if (!snapshot) return [];
          const users = await DiskUsers.read(this.#machines, source);
          const disks = await Promise.all(snapshot.disks.map((name) => realPath(beside(source.vmx, name))));
          const [other] = disks.flatMap((path) => users.of(path));
          if (other) return [`Kept the snapshot "${base.snapshot}": "${other.name}" stands on it, too.`];
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

/** Disks below that lie where a machine was deleted, and that nobody else stands on. */
async function abandonedBy(used: DiskSet, machine: Machine, users: DiskUsers): Promise<string[]> {
  const files: string[] = [];
  for (const place of await keptFolders(used, folderOf(machine))) {
    const others = (await neededBy(place)).filter((vmx) => vmx !== machine.vmx);
    if (others.length > 0) continue;
    for (const path of used)
      if (dirname(path) === place && users.of(path).length === 0) files.push(...(await filesOfDisk(path)));
  }
  return files;
}

/** Folders below with disks of machines that were deleted. */
async function keptFolders(used: DiskSet, own: string): Promise<string[]> {
  const places = new Set([...used].map((path) => dirname(path)));
  const kept: string[] = [];
  for (const place of places) if (place !== own && (await isKeptFor(place))) kept.push(place);
  return kept;
}

/** What is in the folder of a machine beside its disks. */
async function otherFiles(machine: Machine): Promise<string[]> {
  const folder = folderOf(machine);
  const names = await readdir(folder);
  const stem = stemOf(machine.vmx).toLowerCase();
  const isAlone = names.filter((name) => /\.vmx$/i.test(name)).length === 1;
  const isOwn = (name: string) => {
    const lower = name.toLowerCase();
    return isAlone || lower.startsWith(`${stem}.`) || lower.startsWith(`${stem}-`);
  };
  return names
    .filter((name) => vmwareFile.test(name) && isOwn(name) && join(folder, name) !== machine.vmx)
    .map((name) => join(folder, name));
}

async function filesOfDisk(path: string): Promise<string[]> {
  const files = await readVmdk(path).then(
    (disk) => disk.files,
    () => [path],
  );
  return files.filter((file) => dirname(file) === dirname(path));
}

async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) await removeAll(path);
}

/** Windows lets go of a file a moment after its process has ended. */
const removeAll = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

async function countOf(paths: readonly string[]): Promise<number> {
  const found = await Promise.all(paths.map((path) => exists(path)));
  return found.filter(Boolean).length;
}

/** A folder that was kept for disks which are gone now. */
async function removeIfDeserted(folder: string): Promise<void> {
  const names = (await orMissing(readdir(folder))) ?? [];
  if ((await isKeptFor(folder)) && names.length === 1) await removeAll(folder);
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
