import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DeleteVm } from '@polyvirt/contracts';
import { disksUsedBy, DiskUsers, filesUsedBy, isLayer, namedBy, type Known } from '../disks/disk-users.ts';
import { FileSet } from '../disks/file-identity.ts';
import { stateFilesOf } from '../disks/state-files.ts';
import { beside, chainOf, partsOf, readVmdk, realPath } from '../disks/vmdk.ts';
import { findMachine, type Machine } from '../inventory/identity.ts';
import { folderOf, stemOf } from '../inventory/machines.ts';
import { isOutOfSight } from '../inventory/discovery.ts';
import { isOutOfReach, orUnreadable, unlessUnreadable } from '../inventory/unreadable.ts';
import { pendingFileOf } from '../inventory/pending-changes.ts';
import type { Platform } from '../vmrun/installation.ts';
import { adoptedDisksOf } from '../vmx/devices.ts';
import { ownKeys } from '../vmx/hardware-writer.ts';
import { isKeptFor, keptIn, neededBy } from './kept-disks.ts';

/** Files of VMware that belong to the one machine of a folder, whatever their name. */
const vmwareFile = /\.(vmx|vmxf|vmsd|vmsn|vmss|vmem|nvram|scoreboard|vmtm|vmpl)$|^vmware(-\d+)?\.log$|\.lck$/i;

/** What nobody can make again, and another machine can name. */
const savedState = /\.(nvram|vmsn|vmss|vmem)$/i;

/** What a machine leaves behind; written into the journal before the machine is gone. */
export interface Remains {
  readonly vmx: string;
  /** Files to delete, the .vmx file last; the disks that stay are none of them. */
  readonly files: readonly string[];
  /** Whether vmrun may delete it, as nothing of it has to stay. */
  readonly isWhole: boolean;
  /** What disks of this one stay for: .vmx files of machines, and disks that were kept. */
  readonly heirs: readonly string[];
  /** The disks that stay for these. */
  readonly inherited: readonly string[];
  /** Disks that stay because it was asked for. */
  readonly kept: readonly string[];
  /** .vmx file of the machine that it is a linked clone of. */
  readonly cloneOf: string | null;
  /** Folders of machines that were deleted before, with disks that this one stands on. */
  readonly keptBelow: readonly string[];
  /** Files of disks in these folders that nobody needs when this one is gone. */
  readonly abandoned: readonly string[];
  /** The source of a linked clone, and the snapshot that was made for it. */
  readonly base: { readonly vmx: string; readonly snapshot: string } | null;
  readonly notes: readonly string[];
}

/** Finds out what of a machine goes with it, what stays, and for whom. */
export async function remainsOf(machine: Machine, machines: Known, fate: DeleteVm['disks']): Promise<Remains> {
  const { vmx } = machine;
  const folder = folderOf(machine);
  const users = await DiskUsers.read(machines, machine);
  const { doubt } = users;
  const used = await disksUsedBy(machine, machines);
  const adopted = await adoptedBy(machine, machines);
  const own = [...used].filter((path) => dirname(path) === folder || adopted.includes(path));
  const notes: string[] = [];
  const doomed: string[] = [];
  const kept: string[] = [];
  const heirs = new Set<string>();
  const inherited: string[] = [];
  for (const path of own) {
    const needed = (await Promise.all((await partsOf(path)).map((part) => users.of(part)))).flat();
    // Without its machine a disk that lies elsewhere is a loose one, which needs itself.
    const others = needed.filter((user) => user.path !== path);
    if (!adopted.includes(path)) for (const other of others) heirs.add(other.path);
    const names = [...new Set(others.map(({ name }) => `"${name}"`))];
    const isInUse = names.length > 0;
    if (!isInUse && fate === 'delete' && doubt === undefined) doomed.push(path);
    else {
      // What was to be kept does not go with the last of those who need it.
      if (fate === 'delete' && !adopted.includes(path)) inherited.push(path);
      if (fate === 'keep' || !isInUse) kept.push(path);
      const asked = fate === 'keep' ? `Kept ${path}, as asked.` : `Kept ${path}: ${doubt}`;
      notes.push(isInUse ? `Kept ${path}: it is in use by ${names.join(', ')}.` : asked);
    }
  }
  for (const { device, path } of await machines.diskFiles(machine))
    if (dirname(await realPath(path)) !== folder && !adopted.includes(await realPath(path)))
      notes.push(`Kept ${device} (${path}): it lies outside the folder of the VM.`);
  const { orphans, strays } = await strangersIn(folder, used, users, machines.platform);
  const takesOrphans = fate === 'delete' && doubt === undefined;
  if (takesOrphans) doomed.push(...orphans);
  for (const path of takesOrphans ? strays : [...orphans, ...strays])
    notes.push(`Left ${path}: no VM uses it. Delete it if nobody needs it.`);
  const state = await ownState(machine, machines, users);
  for (const path of state.shared) notes.push(`Kept ${path}: another VM of its folder uses it.`);
  for (const path of state.doubtful) notes.push(`Kept ${path}: ${doubt}`);
  const isElsewhere = (await namedBy(machine, machines)).some((path) => dirname(path) !== folder);
  const configuration = await machines.configuration(machine);
  const [baseVmx, baseSnapshot] = [configuration.get(ownKeys.baseVmx), configuration.get(ownKeys.baseSnapshot)];
  const keptBelow = await keptFolders(used, folder);
  const forsaken = kept.length > 0 ? [] : await abandonedBy(machine, machines, keptBelow, used, users, doomed);
  if (doubt !== undefined) for (const path of forsaken) notes.push(`Kept ${path}: ${doubt}`);
  return {
    vmx,
    files: [...(await filesOfDisks(doomed)), ...state.own, pendingFileOf(vmx), vmx],
    isWhole:
      own.every((path) => doomed.includes(path)) && !isElsewhere && state.shared.length + state.doubtful.length === 0,
    heirs: [...heirs],
    inherited,
    kept,
    cloneOf: (await machines.snapshots(machine)).cloneOf ?? null,
    abandoned: doubt === undefined ? forsaken : [],
    keptBelow,
    // What was kept stands on it.
    base:
      baseVmx === undefined || baseSnapshot === undefined || kept.length > 0
        ? null
        : { vmx: baseVmx, snapshot: baseSnapshot },
    notes,
  };
}

/** Real paths of disks that lie elsewhere and are the machine's own: volumes of the host that it was given. */
async function adoptedBy(machine: Machine, machines: Known): Promise<string[]> {
  const disks = adoptedDisksOf(await machines.configuration(machine));
  return Promise.all(disks.map(({ fileName }) => realPath(beside(machine.vmx, fileName))));
}

/** Disks of the folder that this machine does not use: layers over its own that a call left behind, and others. */
async function strangersIn(folder: string, used: FileSet, users: DiskUsers, platform: Platform) {
  const orphans: string[] = [];
  const strays: string[] = [];
  const broken: string[] = [];
  const parts = await FileSet.of(platform, (await Promise.all([...used].map((path) => partsOf(path)))).flat());
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!/\.vmdk$/i.test(name) || (await parts.has(path)) || (await users.of(path)).length > 0) continue;
    const disk = await orUnreadable(readVmdk(path));
    if (!disk) {
      broken.push(path);
      continue;
    }
    const isOverOwn = disk.parent !== undefined && (await used.has(disk.parent));
    (isLayer(name) && isOverOwn ? orphans : strays).push(path);
  }
  // A part of a disk that is told is none by itself; what is damaged is told, too.
  const told = await FileSet.of(
    platform,
    (await Promise.all([...orphans, ...strays].map((path) => partsOf(path)))).flat(),
  );
  for (const path of broken) if (!(await told.has(path))) strays.push(path);
  return { orphans, strays };
}

/** Files beside the disks: those that go with the machine, and those that another one needs. */
async function ownState(machine: Machine, machines: Known, users: DiskUsers) {
  const folder = folderOf(machine);
  const names = await readdir(folder);
  const stems = names.filter((name) => /\.vmx$/i.test(name)).map((name) => stemOf(name).toLowerCase());
  const stem = stemOf(machine.vmx).toLowerCase();
  const belongsTo = (one: string, lower: string) => lower.startsWith(`${one}.`) || lower.startsWith(`${one}-`);
  // `web-1.nvram` is that of `web-1.vmx`, if there is one, and not of `web.vmx`.
  const ownerOf = (lower: string) =>
    stems.filter((one) => belongsTo(one, lower)).sort((one, other) => other.length - one.length)[0];
  const isOwn = (name: string) => stems.length === 1 || ownerOf(name.toLowerCase()) === stem;
  const beside = names
    .filter((name) => vmwareFile.test(name) && isOwn(name) && join(folder, name) !== machine.vmx)
    .map((name) => join(folder, name));
  const { platform } = machines;
  const own: string[] = [];
  const shared: string[] = [];
  const doubtful: string[] = [];
  for (const path of await FileSet.of(platform, [...beside, ...(await stateFilesOf(machine, machines))])) {
    const isUsed = (await users.of(path)).length > 0;
    const mayBeUsed = users.doubt !== undefined && savedState.test(path);
    (isUsed ? shared : mayBeUsed ? doubtful : own).push(path);
  }
  return { own, shared, doubtful };
}

/** Files in folders that were kept which nobody needs any more: neither a machine that is known, nor one that was noted. */
async function abandonedBy(
  machine: Machine,
  machines: Known,
  places: readonly string[],
  used: FileSet,
  users: DiskUsers,
  doomed: readonly string[],
): Promise<string[]> {
  const files: string[] = [];
  for (const place of places) {
    const needed = await neededIn(place, [machine.vmx, ...doomed], machines);
    if (!needed) continue;
    // A mark of an earlier release does not name them.
    const kept = (await keptIn(place)) ?? [...used].filter((one) => dirname(one) === place);
    for (const path of kept) {
      // What goes along needs nothing.
      const others: unknown[] = [];
      for (const user of await users.of(path))
        if (!kept.includes(user.path) && !(await used.has(user.path))) others.push(user);
      if (others.length === 0 && !(await needed.has(path))) files.push(...(await filesOfDisks([path])));
    }
  }
  return files;
}

/** Bases that were kept for a disk which is about to go, or has gone, and that nobody else needs. `chain` begins with it. */
export async function abandonedBases(chain: readonly string[], machines: Known): Promise<string[]> {
  const [top, ...below] = chain;
  const bases: string[] = [];
  for (const path of below) {
    const place = dirname(path);
    if (!(await isKeptFor(place))) continue;
    const needed = await neededIn(place, [top!], machines);
    const users = await DiskUsers.read(machines);
    const others = (await users.of(path)).filter((user) => !chain.includes(user.path));
    if (!needed || users.doubt !== undefined || others.length > 0 || (await needed.has(path))) break;
    bases.push(path);
  }
  return bases;
}

/** What those need for whom a folder was kept, without what is going; undefined when that cannot be found out. */
async function neededIn(place: string, going: readonly string[], machines: Known): Promise<FileSet | undefined> {
  const paths: string[] = [];
  const unlessWhole = (error: unknown) => {
    if (isOutOfReach(error)) throw error;
  };
  for (const user of await neededBy(place)) {
    if (going.includes(user)) continue;
    if (await isOutOfSight(user)) return undefined;
    try {
      const other = /\.vmx$/i.test(user) ? await findMachine(user, machines.platform) : undefined;
      const disks = other ? [...(await filesUsedBy(other, machines, unlessWhole))] : await chainOf(user, unlessWhole);
      paths.push(...disks, ...(await Promise.all(disks.map((path) => partsOf(path)))).flat());
    } catch (error) {
      unlessUnreadable(error);
      return undefined;
    }
  }
  return FileSet.of(machines.platform, paths);
}

/** Folders below with disks of machines that were deleted. */
async function keptFolders(used: FileSet, own: string): Promise<string[]> {
  const places = new Set([...used].map((path) => dirname(path)));
  const kept: string[] = [];
  for (const place of places) if (place !== own && (await isKeptFor(place))) kept.push(place);
  return kept;
}

/** Of disks, without parts that lie elsewhere. */
async function filesOfDisks(disks: readonly string[]): Promise<string[]> {
  const parts = await Promise.all(
    disks.map(async (path) => (await partsOf(path)).filter((file) => dirname(file) === dirname(path))),
  );
  return parts.flat();
}
