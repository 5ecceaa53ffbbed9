import { access, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, isAbsolute, dirname } from 'node:path';
import type { NativeId } from '@polyvirt/contracts';
import type { Platform } from '../vmrun/installation.ts';
import { isMissing, readDictionary } from '../vmx/dictionary-file.ts';
import { findMachine, matchListed, type Machine } from './identity.ts';
import { isOutOfReach, orUnreadable, unlessUnreadable, whyUnreadable } from './unreadable.ts';

/** How deep below a folder of VMs a VM may lie: people sort them into groups. */
const DEPTH = 3;

/** Stands in the folder of a machine for as long as it is being made. */
export const MAKING_MARK = '.polyvirt-making';

/** Folders that hold no VMs: of VMware within that of a VM, and of file systems at their root, which few may read. */
const isForeign = (name: string) =>
  /\.lck$|^caches$|^\.|^lost\+found$|^\$RECYCLE\.BIN$|^System Volume Information$/i.test(name);

export interface DiscoveryOptions {
  readonly platform: Platform;
  /** Folders that hold folders of VMs. */
  readonly folders: readonly string[];
  /** A folder whose VMs are templates; they are no part of the inventory. */
  readonly templates: string | undefined;
  readonly inventoryFile: string;
}

/** What may need a file, and what keeps us from seeing all that does. */
export interface Survey {
  /** With the templates. */
  readonly machines: readonly Machine[];
  /** Disks in the folders of VMs and templates, whoever they are of. */
  readonly disks: readonly string[];
  /** Places that cannot be looked into now, each with a sentence why: what lies there may need anything. */
  readonly hidden: ReadonlyMap<string, string>;
}

interface Skipped {
  readonly path: string;
  readonly error: unknown;
}

/** Where the machines of the host are: in the configured folders, in the inventory of the window, and whatever runs. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  /** Every machine that was seen; one that only `vmrun list` showed is known until its file is gone. */
  readonly #known = new Map<NativeId, Machine>();
  #skipped: readonly string[] = [];

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  get platform(): Platform {
    return this.#options.platform;
  }

  /** What was passed over by the last scan, with the reason: nobody can say which machine it is. */
  get skipped(): readonly string[] {
    return [...new Set(this.#skipped)];
  }

  /** All machines. `listed` are the paths that vmrun lists as running. One path that leads nowhere hides no other. */
  async scan(listed: readonly string[]): Promise<Machine[]> {
    const skipped: Skipped[] = [];
    const machines = await this.#scan(listed, noting(skipped));
    this.#skipped = skipped.map(({ path, error }) => whyUnreadable(path, error));
    return machines;
  }

  /** Everything at once, so that what one look could not see is known to whoever decides by what it has seen. */
  async survey(listed: readonly string[]): Promise<Survey> {
    const skipped: Skipped[] = [];
    const look = noting(skipped);
    const machines = [...(await this.#scan(listed, look)), ...(await this.#templates(look))];
    const disks = await this.#diskFiles(look);
    const hidden = skipped.filter(({ error }) => isOutOfReach(error));
    return { machines, disks, hidden: new Map(hidden.map(({ path, error }) => [path, whyUnreadable(path, error)])) };
  }

  async #scan(listed: readonly string[], look: Look): Promise<Machine[]> {
    const { platform, folders, inventoryFile } = this.#options;
    const found = new Map<NativeId, Machine>();
    const add = async (path: string) => {
      try {
        const machine = await findMachine(path, platform);
        if (machine) found.set(machine.nativeId, machine);
      } catch (error) {
        look.skip(path, error);
      }
    };
    for (const folder of folders) for (const vmx of await vmxFilesBelow(folder, look)) await add(vmx);
    for (const vmx of await inventoryEntries(inventoryFile, look)) await add(vmx);
    for (const machine of this.#known.values())
      if (!found.has(machine.nativeId) && (await isThere(machine.vmx))) found.set(machine.nativeId, machine);
    for (const line of listed) if (!matchListed(line, [...found.values()], platform)) await add(line);
    this.#known.clear();
    const templates = await this.#templateFolders();
    const machines: Machine[] = [];
    for (const machine of found.values()) {
      if (templates.some((one) => isInside(one, machine.vmx)) || (await isBeingMade(machine.vmx))) continue;
      this.#known.set(machine.nativeId, machine);
      machines.push(machine);
    }
    return machines;
  }

  /** Disks in the folders of VMs and templates, whoever they are of. */
  diskFiles(): Promise<string[]> {
    return this.#diskFiles(quietly);
  }

  async #diskFiles(look: Look): Promise<string[]> {
    const { folders: ofVms, templates } = this.#options;
    const roots = templates === undefined ? ofVms : [...ofVms, templates];
    const folders = (await Promise.all(roots.map((root) => foldersBelow(root, look)))).flat();
    const names = await Promise.all(
      [...new Set(folders)].map(async (folder) => {
        const found = await readdir(folder).catch((error: unknown) => look.skip(folder, error));
        return (found ?? []).map((name) => join(folder, name));
      }),
    );
    return names.flat().filter((path) => /\.vmdk$/i.test(path));
  }

  /** The machine with this id, looked for on the whole host when it was never seen. */
  async find(nativeId: NativeId, listed: () => Promise<readonly string[]>): Promise<Machine | undefined> {
    const known = this.#known.get(nativeId);
    if (known) {
      if ((await isThere(known.vmx)) && !(await isBeingMade(known.vmx))) return known;
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

  templates(): Promise<Machine[]> {
    return this.#templates(quietly);
  }

  async #templates(look: Look): Promise<Machine[]> {
    const { templates, platform } = this.#options;
    if (templates === undefined) return [];
    const files = await vmxFilesBelow(templates, look);
    const find = (vmx: string) => findMachine(vmx, platform).catch((error: unknown) => look.skip(vmx, error));
    const found = await Promise.all(files.map(find));
    return found.filter((machine) => machine !== undefined);
  }

  /** The folder of the templates, by its own path and by the one that leads to it. */
  async #templateFolders(): Promise<string[]> {
    const { templates } = this.#options;
    if (templates === undefined) return [];
    return [templates, (await orUnreadable(realpath(templates))) ?? templates];
  }
}

export function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== '' && !inside.startsWith('..') && !isAbsolute(inside);
}

/** Whether something is at a path. Throws where that cannot be told. */
export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );

/** Whether something is at a path, or may be: only what is known to be gone is gone. */
export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error: unknown) => !isMissing(error),
  );

/** Whether a VM may be on a medium that is not there now: with it the place is gone that its folder lies in. */
export const isOutOfSight = async (vmx: string): Promise<boolean> =>
  !(await isThere(vmx)) && !(await isThere(dirname(dirname(vmx))));

/** Where that cannot be told, the machine cannot be read either, and says why. */
const isBeingMade = async (vmx: string): Promise<boolean> =>
  (await orUnreadable(exists(join(dirname(vmx), MAKING_MARK)))) ?? false;

interface Look {
  /** Notes what is passed over. */
  skip(path: string, error: unknown): undefined;
}
const noting = (skipped: Skipped[]): Look => ({
  skip(path, error) {
    unlessUnreadable(error);
    skipped.push({ path, error });
    return undefined;
  },
});
const quietly = noting([]);

/** Folders that may hold VMs at or below `folder`, itself first; a folder that is not there has none. */
export async function foldersBelow(folder: string, look = quietly): Promise<string[]> {
  return (await below(folder, look, DEPTH, new Set())).map(({ path }) => path);
}

async function vmxFilesBelow(folder: string, look: Look): Promise<string[]> {
  const folders = await below(folder, look, DEPTH, new Set());
  return folders.flatMap(({ path, files }) =>
    files.filter((name) => /\.vmx$/i.test(name)).map((name) => join(path, name)),
  );
}

interface Folder {
  readonly path: string;
  readonly files: readonly string[];
}

/** A folder and those in it; `above` are those it was reached through, as symbolic links can lead in circles. */
async function below(path: string, look: Look, depth: number, above: ReadonlySet<string>): Promise<Folder[]> {
  const folder = await entriesOf(path, look);
  if (!folder || above.has(folder.key)) return [];
  if (folder.files.includes(MAKING_MARK)) return [{ path, files: [] }];
  const nested: Folder[] = [];
  if (depth > 0)
    for (const name of folder.folders)
      if (!isForeign(name))
        nested.push(...(await below(join(path, name), look, depth - 1, new Set([...above, folder.key]))));
  return [{ path, files: folder.files }, ...nested];
}

/** A folder that vanishes, or that cannot be read, hides nothing else. A link to a folder is one. */
async function entriesOf(path: string, look: Look) {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    const entries = await readdir(path, { withFileTypes: true });
    const isFolder = await Promise.all(
      entries.map(async (one) =>
        one.isSymbolicLink()
          ? await stat(join(path, one.name)).then(
              (target) => target.isDirectory(),
              (error: unknown) => {
                // What leads to itself leads to no folder; a share that does not answer may hide VMs.
                if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== 'ELOOP')
                  look.skip(join(path, one.name), error);
                return false;
              },
            )
          : one.isDirectory(),
      ),
    );
    const names = (isWanted: boolean) =>
      entries.filter((_, index) => isFolder[index] === isWanted).map(({ name }) => name);
    return { key: `${dev}:${ino}`, files: names(false), folders: names(true) };
  } catch (error) {
    if (!isMissing(error)) look.skip(path, error);
    return undefined;
  }
}

/** Paths of the VMs that were opened in the window. */
export async function inventoryEntries(file: string, look = quietly): Promise<string[]> {
  const inventory = await readDictionary(file).catch((error: unknown) => look.skip(file, error));
  if (!inventory) return [];
  return inventory.keys().flatMap((key) => {
    const path = /^vmlist\d+\.config$/i.test(key) ? inventory.get(key) : undefined;
    return path === undefined || !/\.vmx$/i.test(path) ? [] : path;
  });
}
