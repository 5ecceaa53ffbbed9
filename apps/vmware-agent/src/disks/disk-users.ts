import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderOf, type Machines } from '../inventory/machines.ts';
import type { Machine } from '../inventory/identity.ts';
import { beside, chainOf } from './vmdk.ts';
import { removeDisk } from './disk-tool.ts';

/** Layers that snapshots and reverts make: `web-000001.vmdk`. */
const isLayer = (name: string) => /-\d{6}\.vmdk$/i.test(name);

/** Every disk that a machine stands on: those of its configuration and of its snapshots, with all that is below. */
export async function disksUsedBy(machine: Machine, machines: Machines): Promise<Set<string>> {
  const tops = [
    ...(await machines.diskFiles(machine)).map(({ path }) => path),
    ...(await machines.snapshots(machine)).all.flatMap(({ disks }) =>
      disks.map((fileName) => beside(machine.vmx, fileName)),
    ),
  ];
  const chains = await Promise.all(tops.map((path) => chainOf(path)));
  return new Set([...tops, ...chains.flat().map(({ path }) => path)]);
}

/** Who uses which disk, over all machines but one. */
export class DiskUsers {
  readonly #names: ReadonlyMap<string, readonly string[]>;

  private constructor(names: ReadonlyMap<string, readonly string[]>) {
    this.#names = names;
  }

  static async read(machines: Machines, except: Machine | undefined): Promise<DiskUsers> {
    const names = new Map<string, string[]>();
    for (const machine of await machines.all()) {
      if (machine.nativeId === except?.nativeId) continue;
      // A machine that cannot be read cannot be asked.
      const used = await disksUsedBy(machine, machines).catch(() => new Set<string>());
      const name = await machines.nameOf(machine).catch(() => machine.vmx);
      for (const path of used) names.set(path, [...(names.get(path) ?? []), name]);
    }
    return new DiskUsers(names);
  }

  /** Names of the machines that stand on a disk. */
  of(path: string): readonly string[] {
    return this.#names.get(path) ?? [];
  }
}

/** Removes layers in the folder of a machine that is off which nothing stands on: a call that died left them behind. */
export async function removeOrphanedLayers(machine: Machine, machines: Machines): Promise<void> {
  const folder = folderOf(machine);
  const layers = (await readdir(folder)).filter(isLayer).map((name) => join(folder, name));
  if (layers.length === 0) return;
  const own = await disksUsedBy(machine, machines);
  const others = await DiskUsers.read(machines, machine);
  for (const path of layers)
    if (dirname(path) === folder && !own.has(path) && others.of(path).length === 0) await removeDisk(path);
}
