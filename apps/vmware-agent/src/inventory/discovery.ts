import type { Dirent } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join, relative, isAbsolute, dirname } from 'node:path';
import type { NativeId } from '@polyvirt/contracts';
import type { Platform } from '../vmrun/installation.ts';
import { orMissing, readDictionary } from '../vmx/dictionary-file.ts';
import { findMachine, machineAt, matchListed, type Machine } from './identity.ts';

/** How deep below a folder of VMs a VM may lie: people sort them into groups. */
const DEPTH = 3;

/** Stands in the folder of a machine for as long as it is being made. */
export const MAKING_MARK = '.polyvirt-making';

/** Folders in a VM's folder that hold no VMs. */
const isForeign = (name: string) => /\.lck$|^caches$|^\./i.test(name);

export interface DiscoveryOptions {
  readonly platform: Platform;
  /** Folders that hold folders of VMs. */
  readonly folders: readonly string[];
  /** A folder whose VMs are templates; they are no part of the inventory. */
  readonly templates: string | undefined;
  readonly inventoryFile: string;
}

/** Where the machines of the host are: in the configured folders, in the inventory of the window, and whatever runs. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  /** Every machine that was seen; one that only `vmrun list` showed is known until its file is gone. */
  readonly #known = new Map<NativeId, Machine>();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  get platform(): Platform {
    return this.#options.platform;
  }

  /** All machines. `listed` are the paths that vmrun lists as running. */
  async scan(listed: readonly string[]): Promise<Machine[]> {
    const { platform, folders, inventoryFile } = this.#options;
    const found = new Map<NativeId, Machine>();
    const add = (machine: Machine | undefined) => machine && found.set(machine.nativeId, machine);
    for (const folder of folders) for (const vmx of await vmxFilesBelow(folder)) add(await findMachine(vmx, platform));
    for (const vmx of await inventoryEntries(inventoryFile)) add(await findMachine(vmx, platform));
    for (const machine of this.#known.values()) if (!found.has(machine.nativeId)) add(await this.#still(machine));
    for (const line of listed)
      if (!matchListed(line, [...found.values()], platform)) add(await findMachine(line, platform));
    this.#known.clear();
    const machines: Machine[] = [];
    for (const machine of found.values()) {
      if (this.#isTemplate(machine.vmx) || (await isBeingMade(machine.vmx))) continue;
      this.#known.set(machine.nativeId, machine);
      machines.push(machine);
    }
    return machines;
  }

  /** The machine with this id, looked for on the whole host when it was never seen. */
  async find(nativeId: NativeId, listed: () => Promise<readonly string[]>): Promise<Machine | undefined> {
    const known = this.#known.get(nativeId);
    if (known) {
      if ((await this.#still(known)) && !(await isBeingMade(known.vmx))) return known;
      this.#known.delete(nativeId);
      return undefined;
    }
    return (await this.scan(await listed())).find((machine) => machine.nativeId === nativeId);
  }

  /** A machine that was just made. */
  note(machine: Machine): void {
    this.#known.set(machine.nativeId, machine);
  }

  known(): Machine[] {
    return [...this.#known.values()];
  }

  async templates(): Promise<Machine[]> {
    const { templates, platform } = this.#options;
    if (templates === undefined) return [];
    const found = await Promise.all((await vmxFilesBelow(templates)).map((vmx) => findMachine(vmx, platform)));
    return found.filter((machine) => machine !== undefined);
  }

  async #still({ vmx }: Machine): Promise<Machine | undefined> {
    return (await exists(vmx)) ? machineAt(vmx, this.#options.platform) : undefined;
  }

  #isTemplate(vmx: string): boolean {
    const { templates } = this.#options;
    return templates !== undefined && isInside(templates, vmx);
  }
}

export function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== '' && !inside.startsWith('..') && !isAbsolute(inside);
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const isBeingMade = (vmx: string): Promise<boolean> => exists(join(dirname(vmx), MAKING_MARK));

/** Folders that may hold VMs at or below `folder`, itself first; a folder that is not there has none. */
export async function foldersBelow(folder: string, depth = DEPTH): Promise<string[]> {
  const entries = await entriesOf(folder);
  if (entries === undefined) return [];
  const below = depth === 0 ? [] : entries.filter((one) => one.isDirectory() && !isForeign(one.name));
  const nested = await Promise.all(below.map(({ name }) => foldersBelow(join(folder, name), depth - 1)));
  return [folder, ...nested.flat()];
}

async function vmxFilesBelow(folder: string, depth = DEPTH): Promise<string[]> {
  const entries = await entriesOf(folder);
  if (entries === undefined || entries.some(({ name }) => name === MAKING_MARK)) return [];
  const own = entries.filter((one) => !one.isDirectory() && /\.vmx$/i.test(one.name));
  const below = depth === 0 ? [] : entries.filter((one) => one.isDirectory() && !isForeign(one.name));
  const nested = await Promise.all(below.map(({ name }) => vmxFilesBelow(join(folder, name), depth - 1)));
  return [...own.map(({ name }) => join(folder, name)), ...nested.flat()];
}

/** A folder that vanishes or is closed to us hides nothing else. */
async function entriesOf(folder: string): Promise<Dirent[] | undefined> {
  try {
    return await orMissing(readdir(folder, { withFileTypes: true }));
  } catch (error) {
    if (['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Paths of the VMs that were opened in the window. */
export async function inventoryEntries(file: string): Promise<string[]> {
  const inventory = await readDictionary(file);
  if (!inventory) return [];
  return inventory.keys().flatMap((key) => {
    const path = /^vmlist\d+\.config$/i.test(key) ? inventory.get(key) : undefined;
    return path === undefined || !/\.vmx$/i.test(path) ? [] : path;
  });
}
