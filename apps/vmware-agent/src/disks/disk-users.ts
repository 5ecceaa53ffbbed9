import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderOf, type Machines } from '../inventory/machines.ts';
import { comparablePath, findMachine, type Machine } from '../inventory/identity.ts';
import type { Platform } from '../vmrun/installation.ts';
import { removeDisk } from './disk-tool.ts';
import { beside, chainOf, realPath } from './vmdk.ts';

/** Layers that snapshots and reverts make: `web-000001.vmdk`. */
const isLayer = (name: string) => /-\d{6}\.vmdk$/i.test(name);

type Known = Pick<Machines, 'all' | 'templates' | 'diskFiles' | 'snapshots' | 'nameOf' | 'platform'>;

/** Disks by their real paths, which one platform writes in several ways. */
export class DiskSet {
  readonly #platform: Platform;
  readonly #paths = new Map<string, string>();

  constructor(platform: Platform, paths: Iterable<string> = []) {
    this.#platform = platform;
    for (const path of paths) this.#paths.set(comparablePath(path, platform), path);
  }

  has(path: string): boolean {
    return this.#paths.has(comparablePath(path, this.#platform));
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#paths.values();
  }
}

/** Real paths of the disks that a machine names itself: in its configuration, and in its snapshots. */
export async function namedBy(machine: Machine, machines: Known): Promise<string[]> {
  const named = [
    ...(await machines.diskFiles(machine)).map(({ path }) => path),
    ...(await machines.snapshots(machine)).all.flatMap(({ disks }) => disks.map((name) => beside(machine.vmx, name))),
  ];
  return Promise.all(named.map((path) => realPath(path)));
}

/** Every disk that a machine stands on: those of its configuration and of its snapshots, with all that is below. */
export async function disksUsedBy(machine: Machine, machines: Known): Promise<DiskSet> {
  return new DiskSet(machines.platform, await chainsOf(await namedBy(machine, machines)));
}

const chainsOf = async (paths: readonly string[]): Promise<string[]> =>
  (await Promise.all(paths.map((path) => chainOf(path)))).flat();

/** A machine that stands on a disk. */
export interface DiskUser {
  readonly name: string;
  readonly vmx: string;
}

/** Who uses which disk, over all machines but one: those that are known here, and the linked clones that this one notes. */
export class DiskUsers {
  readonly #platform: Platform;
  readonly #users = new Map<string, DiskUser[]>();

  private constructor(platform: Platform) {
    this.#platform = platform;
  }

  static async read(machines: Known, except: Machine): Promise<DiskUsers> {
    const found = new DiskUsers(machines.platform);
    const known = [...(await machines.all()), ...(await machines.templates())];
    for (const machine of known) if (machine.nativeId !== except.nativeId) await found.#add(machine, machines, []);
    for (const snapshot of (await machines.snapshots(except)).all) {
      const disks = await Promise.all(snapshot.disks.map((name) => realPath(beside(except.vmx, name))));
      for (const path of snapshot.clones) {
        // Wherever it lies: one that nobody told us of breaks just the same.
        const clone = await findMachine(path, machines.platform);
        if (clone) await found.#add(clone, machines, disks);
      }
    }
    return found;
  }

  /** Machines that stand on a disk. */
  of(path: string): readonly DiskUser[] {
    return this.#users.get(comparablePath(path, this.#platform)) ?? [];
  }

  /** `disks` are those it is known to stand on without being asked: one that cannot be read cannot be asked. */
  async #add(machine: Machine, machines: Known, disks: readonly string[]): Promise<void> {
    const used = await disksUsedBy(machine, machines).catch(() => []);
    const name = await machines.nameOf(machine).catch(() => machine.vmx);
    for (const path of new DiskSet(this.#platform, [...used, ...(await chainsOf(disks))])) {
      const key = comparablePath(path, this.#platform);
      const others = this.#users.get(key) ?? [];
      if (others.some(({ vmx }) => vmx === machine.vmx)) continue;
      this.#users.set(key, [...others, { name, vmx: machine.vmx }]);
    }
  }
}

/** Removes layers in the folder of a machine that is off which nothing stands on: a call that died left them behind. */
export async function removeOrphanedLayers(machine: Machine, machines: Machines): Promise<void> {
  const folder = folderOf(machine);
  const layers = (await readdir(folder)).filter(isLayer).map((name) => join(folder, name));
  if (layers.length === 0) return;
  const own = await disksUsedBy(machine, machines);
  const others = await DiskUsers.read(machines, machine);
  for (const layer of layers) {
    const path = await realPath(layer);
    if (dirname(path) === folder && !own.has(path) && others.of(path).length === 0) await removeDisk(path);
  }
}
