import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderOf, type Machines } from '../inventory/machines.ts';
import { findMachine, type Machine } from '../inventory/identity.ts';
import type { Platform } from '../vmrun/installation.ts';
import { removeDisk } from './disk-tool.ts';
import { fileKeyOf, FileSet } from './file-identity.ts';
import { orUnreadable, unlessUnreadable } from '../inventory/unreadable.ts';
import { isMissing } from '../vmx/dictionary-file.ts';
import { stateFilesOf } from './state-files.ts';
import { beside, chainOf, partsOf, realPath } from './vmdk.ts';

/** Layers that snapshots and reverts make: `web-000001.vmdk`. */
export const isLayer = (name: string) => /-\d{6}\.vmdk$/i.test(name);

export type Known = Pick<
  Machines,
  'all' | 'templates' | 'diskFiles' | 'snapshots' | 'nameOf' | 'platform' | 'configuration' | 'looseDisks'
>;

/** Real paths of the disks that a machine names itself: in its configuration, and in its snapshots. */
export const namedBy = async (machine: Machine, machines: Known): Promise<string[]> => [
  ...(await configuredBy(machine, machines)),
  ...(await notedBy(machine, machines)),
];

const configuredBy = async (machine: Machine, machines: Known): Promise<string[]> =>
  Promise.all((await machines.diskFiles(machine)).map(({ path }) => realPath(path)));

async function notedBy(machine: Machine, machines: Known): Promise<string[]> {
  const { all } = await machines.snapshots(machine);
  return Promise.all(all.flatMap(({ disks }) => disks.map((name) => realPath(beside(machine.vmx, name)))));
}

/** Something is there and cannot be read now; what is missing, or is no file of VMware's, needs nothing. */
const isOutOfReach = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && code !== 'ELOOP' && !isMissing(error);
};

/** The words for what cannot be seen of these. */
export const doubtOf = (unseen: readonly string[]): string =>
  `it cannot be seen whether ${unseen.map((name) => `"${name}"`).join(', ')} needs it. If not, delete it by hand.`;

/** Every disk that a machine stands on: those of its configuration and of its snapshots, with all that is below. */
export async function disksUsedBy(machine: Machine, machines: Known): Promise<FileSet> {
  return FileSet.of(machines.platform, await chainsOf(await namedBy(machine, machines)));
}

/** Every file that a machine needs: its disks with all their parts, and its state beside them. */
export async function filesUsedBy(machine: Machine, machines: Known): Promise<FileSet> {
  const disks = [...(await disksUsedBy(machine, machines))];
  return FileSet.of(machines.platform, [
    ...disks,
    ...(await Promise.all(disks.map((path) => partsOf(path)))).flat(),
    ...(await stateFilesOf(machine, machines)),
  ]);
}

const chainsOf = async (paths: readonly string[]): Promise<string[]> =>
  (await Promise.all(paths.map((path) => chainOf(path)))).flat();

/** What needs a file: a VM, or a disk that was kept when its VM was deleted. */
export interface DiskUser {
  readonly name: string;
  /** The .vmx file, or the disk. */
  readonly path: string;
}

/**
 * Who needs which file, by the file itself and not by a path to it, over everything but one machine: the machines that are
 * known here, the linked clones that this one notes, and disks in the folders of VMs that belong to none. The last are what
 * is left of a VM, or what a VM that cannot be read has.
 */
export class DiskUsers {
  readonly #platform: Platform;
  readonly #users = new Map<string, DiskUser[]>();
  readonly #unseen = new Set<string>();

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
        const clone = await findMachine(path, machines.platform).catch((error: unknown) => {
          unlessUnreadable(error);
          return 'out of reach' as const;
        });
        // A share that does not answer, say: that it stands on these disks is known all the same.
        if (clone === 'out of reach') await found.#note({ name: path, path }, await chainsOf(disks));
        else if (clone) await found.#add(clone, machines, disks);
      }
    }
    for (const path of await machines.looseDisks()) {
      const isOwn = dirname(path) === folderOf(except) || (await found.of(path)).length > 0;
      if (!isOwn) await found.#note({ name: path, path }, await chainOf(path));
    }
    return found;
  }

  /** Names of machines of which it cannot be seen now whether they need a file. */
  get unseen(): readonly string[] {
    return [...this.#unseen].sort();
  }

  /** What needs a file. */
  async of(path: string): Promise<readonly DiskUser[]> {
    return this.#users.get(await fileKeyOf(path, this.#platform)) ?? [];
  }

  /** `disks` are those it is known to stand on without being asked: one that cannot be read cannot be asked. */
  async #add(machine: Machine, machines: Known, disks: readonly string[]): Promise<void> {
    const name = (await orUnreadable(machines.nameOf(machine))) ?? machine.vmx;
    const missed = (error: unknown) => {
      unlessUnreadable(error);
      if (isOutOfReach(error)) this.#unseen.add(name);
    };
    const asFarAsSeen = async <Part>(look: Promise<Iterable<Part>>): Promise<Iterable<Part>> =>
      look.catch((error: unknown) => {
        missed(error);
        return [];
      });
    const named = [
      ...(await asFarAsSeen(configuredBy(machine, machines))),
      ...(await asFarAsSeen(notedBy(machine, machines))),
    ];
    const chains = await Promise.all([...named, ...disks].map((path) => chainOf(path, missed)));
    const parts = await Promise.all(chains.flat().map((path) => partsOf(path)));
    const state = await asFarAsSeen(stateFilesOf(machine, machines));
    await this.#note({ name, path: machine.vmx }, [...chains.flat(), ...parts.flat(), ...state]);
  }

  async #note(user: DiskUser, paths: readonly string[]): Promise<void> {
    for (const key of (await FileSet.of(this.#platform, paths)).keys()) {
      const others = this.#users.get(key) ?? [];
      if (!others.some(({ path }) => path === user.path)) this.#users.set(key, [...others, user]);
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
  if (others.unseen.length > 0) return;
  for (const layer of layers) {
    const path = await realPath(layer);
    if (dirname(path) === folder && !(await own.has(path)) && (await others.of(path)).length === 0)
      await removeDisk(path);
  }
}
