import type { Archive as ArchiveView, CloudEvent, VmId } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { scriptNames, scriptsOf } from '../scripts/scripts.ts';
import { afterEvent, ArchiveDocument, isApplied, VmEventBody } from './document.ts';
import { linkDurably, replaceDurably, syncFolder, unfinished, writeDurably } from './durable-files.ts';
import { folded, folderName, freeName } from './folder-name.ts';
import { readmeOf } from './readme.ts';
import { lookAtFiles } from './vm-files.ts';

const metadata = 'metadata.json';
const vmFiles = 'vm_files';
const readable = 0o644;
const executable = 0o755;

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

  private constructor(root: string, log: Warnings) {
    this.root = root;
    this.#log = log;
  }

  /** Makes the root if need be, and clears away what a process that died left unfinished. */
  static async open(root: string, log: Warnings): Promise<Archive> {
    const archive = new Archive(resolve(root), log);
    await mkdir(archive.root, { recursive: true });
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
    const folder = before?.folder ?? (await this.#freeFolder(folderName(body.vm.createdAt, body.vm.name)));
    const draft = afterEvent(before, placed, body, folder);
    const document = { ...draft, files: await lookAtFiles(draft) };
    if (before) await this.#update(document, body.definition?.text);
    else await this.#build(document, body.definition?.text);
    return document;
  }

  /** As the API shows it. */
  async view(document: ArchiveDocument): Promise<ArchiveView> {
    const { vmId, name, folder, createdAt, updatedAt, deletedAt, history } = document;
    const path = join(this.root, folder);
    return {
      vmId,
      name,
      folder,
      path,
      createdAt,
      updatedAt,
      ...(deletedAt && { deletedAt }),
      files: await filesBelow(path),
      history: history.map(({ id: _id, ...entry }) => entry),
    };
  }

  async #build(document: ArchiveDocument, definition: string | undefined): Promise<void> {
    const building = join(this.root, unfinished + randomUUID());
    await mkdir(building);
    await mkdir(join(building, vmFiles));
    if (definition !== undefined && document.definition) {
      await writeDurably(join(building, vmFiles, document.definition.file), definition, readable);
    }
    for (const { path, link } of document.files) {
      if (link !== undefined) await linkDurably(join(building, vmFiles, link), path);
    }
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
  }

  async #update(document: ArchiveDocument, definition: string | undefined): Promise<void> {
    const folder = join(this.root, document.folder);
    if (definition !== undefined && document.definition) {
      await replaceDurably(join(folder, vmFiles, document.definition.file), definition, readable);
    }
    await this.#relink(join(folder, vmFiles), document);
    const scripts = scriptsOf(document);
    for (const name of scriptNames) {
      const content = scripts[name];
      if (content === undefined) await rm(join(folder, name), { force: true });
      else await replaceDurably(join(folder, name), content, executable);
    }
    await replaceDurably(join(folder, 'README.md'), readmeOf(document), readable);
    await replaceDurably(join(folder, metadata), asJson(document), readable);
  }

  async #relink(folder: string, document: ArchiveDocument): Promise<void> {
    const wanted = new Set(document.files.map(({ link }) => link));
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isSymbolicLink() && !wanted.has(entry.name)) await rm(join(folder, entry.name));
    }
    for (const { path, link } of document.files) {
      if (link !== undefined) await linkDurably(join(folder, link), path);
    }
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
      const document = await this.#read(folder);
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
      for (const name of await readdir(path)) {
        if (name.startsWith(unfinished)) await rm(join(path, name), { force: true });
      }
    }
  }
}

const asJson = (document: ArchiveDocument) => `${JSON.stringify(document, null, 2)}\n`;

async function filesBelow(folder: string, prefix = ''): Promise<ArchiveView['files']> {
  const files: ArchiveView['files'] = [];
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = prefix + entry.name;
    if (entry.name.startsWith(unfinished)) continue;
    if (entry.isDirectory()) files.push(...(await filesBelow(folder, `${path}/`)));
    else files.push({ path, bytes: await sizeOf(join(folder, path)) });
  }
  return files;
}

/** Of what a link leads to, or of the link itself when that is gone. */
async function sizeOf(path: string): Promise<number> {
  const { size } = await stat(path).catch(() => lstat(path));
  return size;
}
