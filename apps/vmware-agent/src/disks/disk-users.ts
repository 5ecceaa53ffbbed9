import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderOf, type Machines } from '../inventory/machines.ts';
import { findMachine, type Machine } from '../inventory/identity.ts';
import { readPending } from '../inventory/pending-changes.ts';
import type { Platform } from '../vmrun/installation.ts';
import { removeDisk } from './disk-tool.ts';
import { fileKeyOf, FileSet } from './file-identity.ts';
import { isOutOfSight } from '../inventory/discovery.ts';
import { isOutOfReach, orUnreadable, unlessUnreadable, whyUnreadable } from '../inventory/unreadable.ts';
import { isMissing } from '../vmx/dictionary-file.ts';
import { demandWhole } from '../vmx/hardware-reader.ts';
import { stateFilesOf } from './state-files.ts';
import { beside, chainOf, partsOf, realPath } from './vmdk.ts';

/** Layers that snapshots and reverts make: `web-000001.vmdk`. */
export const isLayer = (name: string) => /-\d{6}\.vmdk$/i.test(name);

export type Known = Pick<Machines, 'survey' | 'diskFiles' | 'snapshots' | 'nameOf' | 'platform' | 'configuration'>;

/** Real paths of the disks that a machine names itself: in its configuration, in its snapshots, and for its power-off. */
export const namedBy = async (machine: Machine, machines: Known): Promise<string[]> => [
  ...(await configuredBy(machine, machines)),
  ...(await notedBy(machine, machines)),
];

const configuredBy = async (machine: Machine, machines: Known): Promise<string[]> =>
  Promise.all((await machines.diskFiles(machine)).map(({ path }) => realPath(path)));

async function notedBy(machine: Machine, machines: Known): Promise<string[]> {
  const { all } = await machines.snapshots(machine);
  const { addDisks } = await readPending(machine.vmx);
  const names = [...all.flatMap(({ disks }) => disks), ...addDisks.map(({ fileName }) => fileName)];
  return Promise.all(names.map((name) => realPath(beside(machine.vmx, name))));
}

/** Of so many a sentence has the reasons. */
const MOST_REASONS = 3;

/** That it cannot be seen whether any of these, each with a sentence why, needs something. */
export function unseenWords(unseen: ReadonlyMap<string, string>, what = 'it'): string {
  const names = [...unseen.keys()].sort();
  const reasons = new Set(names.slice(0, MOST_REASONS).map((name) => unseen.get(name)!));
  const quoted = names.map((name) => `"${name}"`).join(', ');
  return `it cannot be seen whether ${quoted} needs ${what}: ${[...reasons].join(' ')}`;
}

/**
 * Every disk that a machine stands on: those of its configuration and of its snapshots, with all that is below. `onEnd` is told why
 * one ends before it is whole.
 */
export async function disksUsedBy(
  machine: Machine,
  machines: Known,
  onEnd?: (error: unknown) => void,
): Promise<FileSet> {
  return FileSet.of(machines.platform, await chainsOf(await namedBy(machine, machines), onEnd));
}

/** Every file that a machine needs: its disks with all their parts, and its state beside them. */
export async function filesUsedBy(
  machine: Machine,
  machines: Known,
  onEnd?: (error: unknown) => void,
): Promise<FileSet> {
  const disks = [...(await disksUsedBy(machine, machines, onEnd))];
  return FileSet.of(machines.platform, [
    ...disks,
    ...(await Promise.all(disks.map((path) => partsOf(path)))).flat(),
    ...(await stateFilesOf(machine, machines)),
  ]);
}

const chainsOf = async (paths: readonly string[], onEnd?: (error: unknown) => void): Promise<string[]> =>
  (await Promise.all(paths.map((path) => chainOf(path, onEnd)))).flat();

/** What needs a file: a VM, or a disk that was kept when its VM was deleted. */
export interface DiskUser {
  readonly name: string;
  /** The .vmx file, or the disk. */
  readonly path: string;
}

/**
 * Who needs which file, by the file itself and not by a path to it, over everything, or all but one machine: the machines that are
 * known here, the linked clones that this one notes, and disks in the folders of VMs that belong to none. The last are what
 * is left of a VM, or what a VM that cannot be read has.
 */
export class DiskUsers {
  readonly #platform: Platform;
  readonly #users = new Map<string, DiskUser[]>();
  readonly #unseen = new Map<string, string>();
  readonly #hidden: Map<string, string>;
  readonly #foldersOfUnseen = new Set<string>();

  private constructor(platform: Platform, hidden: ReadonlyMap<string, string>) {
    this.#platform = platform;
    this.#hidden = new Map(hidden);
  }

  static async read(machines: Known, except?: Machine): Promise<DiskUsers> {
    const { machines: known, disks: loose, hidden } = await machines.survey();
    const found = new DiskUsers(machines.platform, hidden);
    for (const machine of known) if (machine.nativeId !== except?.nativeId) await found.#add(machine, machines);
    for (const snapshot of except ? (await machines.snapshots(except)).all : []) {
      const disks = await Promise.all(snapshot.disks.map((name) => realPath(beside(except!.vmx, name))));
      for (const path of snapshot.clones) {
        // Wherever it lies: one that nobody told us of breaks just the same.
        const clone = await findMachine(path, machines.platform).catch((error: unknown) => {
          unlessUnreadable(error);
          return 'out of reach' as const;
        });
        // A share that does not answer, or a disk that is unplugged: that it stands on these is known all the same.
        if (clone === 'out of reach' || (!clone && (await isOutOfSight(path))))
          await found.#note({ name: path, path }, await chainsOf(disks));
        else if (clone) await found.#add(clone, machines, disks, !known.some((one) => one.nativeId === clone.nativeId));
      }
    }
    const parts = await Promise.all(loose.map(async (path) => (await partsOf(path)).filter((part) => part !== path)));
    const extents = await FileSet.of(machines.platform, parts.flat());
    for (const path of loose) {
      // Part of another one, which needs it.
      if (await extents.has(path)) continue;
      const isOwn = (except && dirname(path) === folderOf(except)) || (await found.of(path)).length > 0;
      if (isOwn) continue;
      const missed = (error: unknown) => {
        if (isOutOfReach(error)) found.#hidden.set(path, whyUnreadable(path, error));
      };
      const chain = await chainOf(path, missed);
      const files = await Promise.all(chain.map((one) => partsOf(one)));
      await found.#note({ name: path, path }, [...chain, ...files.flat()]);
    }
    return found;
  }

  /** Machines of which it cannot be seen now what they need, by name, each with a sentence why. */
  get unseen(): ReadonlyMap<string, string> {
    return this.#unseen;
  }

  /** Whether a file is beside the configuration of one of these, and so most likely one of its own. */
  isOfUnseen(path: string): boolean {
    return this.#foldersOfUnseen.has(dirname(path));
  }

  /** Why a file that nobody is known to need has to stay all the same; undefined where all can be seen that may need it. */
  get doubt(): string | undefined {
    const all = new Map([...this.#hidden, ...this.#unseen]);
    return all.size === 0 ? undefined : `${unseenWords(all)} If nothing needs it, delete it by hand.`;
  }

  /** What needs a file. */
  async of(path: string): Promise<readonly DiskUser[]> {
    return this.#users.get(await fileKeyOf(path, this.#platform)) ?? [];
  }

  /**
   * `disks` are those it was made on. One that cannot be read cannot be asked whether it stands on them still, and of a
   * `stranger` nobody sees which of its disks it has kept.
   */
  async #add(machine: Machine, machines: Known, disks: readonly string[] = [], stranger = false): Promise<void> {
    const name = (await orUnreadable(machines.nameOf(machine))) ?? machine.vmx;
    const miss = (error: unknown) => {
      this.#unseen.set(name, whyUnreadable(machine.vmx, error));
      this.#foldersOfUnseen.add(folderOf(machine));
    };
    const missed = (error: unknown) => {
      unlessUnreadable(error);
      if (isOutOfReach(error)) miss(error);
    };
    const asFarAsSeen = async <Part>(look: Promise<Iterable<Part>>): Promise<Iterable<Part>> =>
      look.catch((error: unknown) => {
        missed(error);
        return [];
      });
    const configured = await configuredBy(machine, machines).catch((error: unknown) => missed(error));
    // Half a file, as while it is being written, names half of what the machine has.
    if (configured)
      await machines
        .configuration(machine)
        .then(demandWhole)
        .catch((error: unknown) => {
          unlessUnreadable(error);
          if (!isMissing(error)) miss(error);
        });
    const madeOn = configured && !stranger ? [] : disks;
    const named = [...(configured ?? []), ...madeOn, ...(await asFarAsSeen(notedBy(machine, machines)))];
    const chains = await Promise.all(named.map((path) => chainOf(path, missed)));
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
  if (others.doubt !== undefined) return;
  for (const layer of layers) {
    const path = await realPath(layer);
    if (dirname(path) === folder && !(await own.has(path)) && (await others.of(path)).length === 0)
      await removeDisk(path);
  }
}
