import type { Archive as ArchiveView, CloudEvent, VmId, VmRecord } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { scriptNames, scriptsOf } from '../scripts/scripts.ts';
import { adoptableFolder, keepEarlierFiles } from './adoption.ts';
import { isDiskTrouble } from './disk-trouble.ts';
import { afterEvent, ArchiveDocument, isApplied, VmEventBody, type VmFile } from './document.ts';
import { linkDurably, replaceDurably, syncFolder, unfinished, writeDurably } from './durable-files.ts';
import { folded, folderName, freeName } from './folder-name.ts';
import { ForeignFiles } from './foreign-files.ts';
import { readmeOf } from './readme.ts';
import { lookAtFiles } from './vm-files.ts';

const metadata = 'metadata.json';
const vmFiles = 'vm_files';
/** A definition may hold what was given to the guest: archives are for the user of the organizer alone. */
const readable = 0o600;
const executable = 0o700;
const folderMode = 0o700;
/** Bytes of JSON that a view may have: the bus takes no message of more than a MiB. */
const longestView = 768 * 1_024;

/** An event in its place in the stream. */
export interface PlacedEvent {
  readonly event: CloudEvent;
  readonly sequence: number;
}

/** An event about a VM that does not say what such an event has to. It will not do so later either. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError';
}

export interface Warnings {
  warn(details: object, message: string): void;
}

/**
 * The folder of folders. A process may be killed at any point of any method: what was begun is done again with the same
 * result when the event comes again, and `metadata.json`, which is written last, tells what has been done.
 */
export class Archive {
  readonly root: string;
  readonly #log: Warnings;
  readonly #folders = new Map<VmId, string>();
  readonly #known = new Set<string>();
  readonly #foreignFiles = new ForeignFiles();

  private constructor(root: string, log: Warnings) {
    this.root = root;
    this.#log = log;
  }

  /** Makes the root if need be, and clears away what a process that died left unfinished. */
  static async open(root: string, log: Warnings): Promise<Archive> {
    const archive = new Archive(resolve(root), log);
    await mkdir(archive.root, { recursive: true });
    // It keeps others out of archives that an earlier release has made as well.
    await chmod(archive.root, folderMode);
    for (const name of await readdir(archive.root)) {
      if (name.startsWith(unfinished)) await rm(join(archive.root, name), { recursive: true, force: true });
    }
    await archive.#discover();
    for (const folder of archive.#folders.values()) await archive.#clear(folder);
    return archive;
  }

  /** Brings the folder of a VM up to date with an event; one that it shows already changes nothing. */
  async apply(placed: PlacedEvent): Promise<ArchiveDocument> {
    const parsed = VmEventBody.safeParse(placed.event.data);
    if (!parsed.success)
      throw new InvalidEventError(`event ${placed.event.id} is not about a VM`, { cause: parsed.error });
    const body = parsed.data;
    const before = await this.#find(body.vm.id);
    if (before && isApplied(before, placed)) return before;
    const adopted = before ? undefined : await this.#adopt(body.vm, body.definition?.files ?? []);
    const folder = before?.folder ?? adopted ?? (await this.#freeFolder(folderName(body.vm.createdAt, body.vm.name)));
    const draft = afterEvent(before, placed, body, folder);
    const document = { ...draft, files: await lookAtFiles(draft, this.#foreignFiles) };
    const definition = body.definition?.text;
    return before || adopted !== undefined ? this.#update(document, definition) : this.#build(document, definition);
  }

  /** Whether the root takes files at all. What it answers `false` to, is no fault of one VM. */
  async isWritable(): Promise<boolean> {
    const path = join(this.root, unfinished + randomUUID());
    try {
      await writeDurably(path, 'written', readable);
      await rm(path);
      return true;
    } catch {
      return false;
    }
  }

  /** As the API shows it: the latest history and the first files, when there is more than the bus would take. */
  async view(document: ArchiveDocument): Promise<ArchiveView> {
    const { vmId, name, folder, createdAt, updatedAt, deletedAt, history } = document;
    const path = join(this.root, folder);
    const room = Math.max(0, (longestView - jsonBytes(name)) / 2);
    return {
      vmId,
      name,
      folder,
      path,
      createdAt,
      updatedAt,
      ...(deletedAt && { deletedAt }),
      files: await firstWithin(room, filesBelow(path, this.#foreignFiles)),
      history: (await firstWithin(room, history.map(({ id: _id, ...entry }) => entry).toReversed())).reverse(),
    };
  }

  async #build(draft: ArchiveDocument, definition: string | undefined): Promise<ArchiveDocument> {
    const building = join(this.root, unfinished + randomUUID());
    await mkdir(building, folderMode);
    await mkdir(join(building, vmFiles), folderMode);
    if (definition !== undefined && draft.definition) {
      await writeDurably(join(building, vmFiles, draft.definition.file), definition, readable);
    }
    const document = await withLinks(draft, join(building, vmFiles));
    for (const [name, content] of Object.entries(scriptsOf(document))) {
      await writeDurably(join(building, name), content, executable);
    }
    await writeDurably(join(building, 'README.md'), readmeOf(document), readable);
    await writeDurably(join(building, metadata), asJson(document), readable);
    await syncFolder(join(building, vmFiles));
    await syncFolder(building);
    await rename(building, join(this.root, document.folder));
    await syncFolder(this.root);
    this.#note(document.vmId, document.folder);
    return document;
  }

  /** A folder that Auto-Creation-VM made for the VM, ready to be written anew. Its metadata are replaced last, as always. */
  async #adopt(vm: VmRecord, files: readonly string[]): Promise<string | undefined> {
    const taken = new Set(this.#folders.values());
    const folder = await adoptableFolder(this.root, vm, files, (name) => taken.has(name));
    if (folder !== undefined) await keepEarlierFiles(join(this.root, folder));
    return folder;
  }

  async #update(draft: ArchiveDocument, definition: string | undefined): Promise<ArchiveDocument> {
    const folder = join(this.root, draft.folder);
    await mkdir(join(folder, vmFiles), folderMode).catch(unlessThere);
    if (definition !== undefined && draft.definition) {
      const path = join(folder, vmFiles, draft.definition.file);
      // A VM may live in its folder, and its own file is no copy of ours.
      if (!draft.definition.files.includes(path)) await replaceDurably(path, definition, readable);
    }
    const document = await this.#relink(join(folder, vmFiles), draft);
    const scripts = scriptsOf(document);
    for (const name of scriptNames) {
      const content = scripts[name];
      if (content === undefined) await rm(join(folder, name), { force: true });
      else await replaceDurably(join(folder, name), content, executable);
    }
    await replaceDurably(join(folder, 'README.md'), readmeOf(document), readable);
    await replaceDurably(join(folder, metadata), asJson(document), readable);
    this.#note(document.vmId, document.folder);
    return document;
  }

  async #relink(folder: string, document: ArchiveDocument): Promise<ArchiveDocument> {
    const wanted = new Set(document.files.map(({ link }) => link));
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isSymbolicLink() && !wanted.has(entry.name)) await rm(join(folder, entry.name));
    }
    return withLinks(document, folder);
  }

  async #find(vmId: VmId): Promise<ArchiveDocument | undefined> {
    for (let look = 1; look <= 2; look += 1) {
      const folder = this.#folders.get(vmId);
      if (folder !== undefined) {
        const document = await this.#read(folder);
        if (document?.vmId === vmId) return document;
        // Somebody took the folder away, or all of them: then looking again throws.
        this.#folders.delete(vmId);
        this.#known.delete(folder);
      }
      // Another organizer may have made a folder.
      await this.#discover();
    }
    return undefined;
  }

  async #freeFolder(name: string): Promise<string> {
    const taken = new Set((await readdir(this.root)).map(folded));
    return freeName(name, (candidate) => taken.has(folded(candidate)));
  }

  /** Reads the folders that are not known yet. */
  async #discover(): Promise<void> {
    for (const folder of (await readdir(this.root)).sort()) {
      if (folder.startsWith(unfinished) || this.#known.has(folder)) continue;
      const document = await this.#peruse(folder);
      if (document) this.#note(document.vmId, folder);
      else this.#known.add(folder);
    }
  }

  #note(vmId: VmId, folder: string): void {
    const other = this.#folders.get(vmId);
    if (other !== undefined && other !== folder) {
      this.#log.warn({ vmId, folder, other }, 'Two folders are of one VM; the first is kept up to date.');
    } else {
      this.#folders.set(vmId, folder);
    }
    this.#known.add(folder);
  }

  /** Like `#read`, but a folder that cannot be read, `lost+found` say, does not stand in the way of the others. */
  async #peruse(folder: string): Promise<ArchiveDocument | undefined> {
    try {
      return await this.#read(folder);
    } catch (error) {
      if (isDiskTrouble(error)) throw error;
      this.#log.warn({ folder, err: error }, 'This folder cannot be read; it is left alone.');
      return undefined;
    }
  }

  /** Undefined for what is no archive folder, or is damaged: it is left alone. */
  async #read(folder: string): Promise<ArchiveDocument | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.root, folder, metadata), 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
    try {
      // A folder that somebody renamed is still the folder of its VM.
      return { ...ArchiveDocument.parse(JSON.parse(text)), folder };
    } catch (error) {
      this.#log.warn({ folder, err: error }, 'The metadata of this folder are damaged; it is left alone.');
      return undefined;
    }
  }

  async #clear(folder: string): Promise<void> {
    for (const path of [join(this.root, folder), join(this.root, folder, vmFiles)]) {
      try {
        for (const name of await readdir(path)) {
          if (name.startsWith(unfinished)) await rm(join(path, name), { recursive: true, force: true });
        }
      } catch (error) {
        if (isDiskTrouble(error)) throw error;
        this.#log.warn({ path, err: error }, 'What was left unfinished here cannot be cleared away.');
      }
    }
  }
}

/** Somebody may have taken away a folder that was there. */
function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

const asJson = (document: ArchiveDocument) => `${JSON.stringify(document, null, 2)}\n`;
const jsonBytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

/** Links what the file system can link; of what it cannot, the document says so. */
async function withLinks(document: ArchiveDocument, folder: string): Promise<ArchiveDocument> {
  const files: VmFile[] = [];
  for (const file of document.files) files.push(await linked(file, folder));
  return { ...document, files };
}

async function linked(file: VmFile, folder: string): Promise<VmFile> {
  const { path, link } = file;
  // A VM of an adopted folder lives there.
  if (link === undefined || join(folder, link) === path) return file;
  try {
    await linkDurably(join(folder, link), path);
    return file;
  } catch (error) {
    // The target may be too long for a link, the disk may have none, or something else may be in its place.
    if (isDiskTrouble(error)) throw error;
    return { path, missing: `No link to it can be made: ${(error as NodeJS.ErrnoException).code ?? String(error)}.` };
  }
}

/** The first ones that have so many bytes of JSON together. */
async function firstWithin<Item>(bytes: number, items: Iterable<Item> | AsyncIterable<Item>): Promise<Item[]> {
  const result: Item[] = [];
  let left = bytes;
  for await (const item of items) {
    left -= jsonBytes(item) + 1;
    if (left < 0) break;
    result.push(item);
  }
  return result;
}

/** The files of a folder, then those of the folders in it. What cannot be looked at is left out: people keep backups here. */
async function* filesBelow(
  folder: string,
  foreignFiles: ForeignFiles,
  prefix = '',
): AsyncGenerator<ArchiveView['files'][number]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch((error: unknown) => {
    if (prefix === '') throw error;
    return [];
  });
  const shown = entries
    .filter(({ name }) => !name.startsWith(unfinished))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of shown) {
    if (entry.isDirectory()) continue;
    const path = prefix + entry.name;
    const bytes = await sizeOf(join(folder, path), foreignFiles);
    if (bytes !== undefined) yield { path, bytes };
  }
  for (const entry of shown) {
    if (entry.isDirectory()) yield* filesBelow(folder, foreignFiles, `${prefix}${entry.name}/`);
  }
}

/** Of what a link leads to, or of the link itself when that is gone; undefined when neither can be told. */
async function sizeOf(path: string, foreignFiles: ForeignFiles): Promise<number | undefined> {
  try {
    const own = await lstat(path);
    if (!own.isSymbolicLink()) return own.size;
    const target = resolve(dirname(path), await readlink(path));
    const { size } = await foreignFiles.look(target, (there) => stat(there)).catch(() => own);
    return size;
  } catch {
    return undefined;
  }
}
