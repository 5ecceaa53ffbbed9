import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { ProblemError, type Image } from '@polyvirt/contracts';
import { gibOf } from '@polyvirt/hypervisor';
import type { Volume } from '@polyvirt/node-libvirt';
import { readQcow2Header } from './qcow2-header.ts';
import type { StoragePool } from './storage-pool.ts';

const kinds: Readonly<Record<string, Image['kind']>> = {
  '.qcow2': 'disk',
  '.img': 'disk',
  '.raw': 'disk',
  '.iso': 'iso',
};

export interface ImageFile {
  readonly name: string;
  readonly kind: Image['kind'];
  readonly path: string;
  readonly stats: Stats;
}

/**
 * The folder where the operator puts images. An image is copied into the storage pool when it is first used: the folder
 * may be where QEMU's user cannot read, and a file that is replaced must not change the disks that stand on it.
 */
export class ImageLibrary {
  readonly #storage: StoragePool;
  readonly #folder: string;
  readonly #imports = new Map<string, Promise<Volume>>();
  /** What was in the folder when it was last looked at. */
  #seen: readonly ImageFile[] = [];

  constructor(storage: StoragePool, folder: string) {
    this.#storage = storage;
    this.#folder = folder;
  }

  async list(): Promise<Image[]> {
    const files = await this.files();
    const images = await Promise.all(
      files.map(async ({ name, kind, path, stats }) => {
        // What we may not read is no image for us, and stops no other.
        const header = await orUnreadable(readHeader(path, stats.size));
        return header && { name, kind, sizeGiB: gibOf(header.bytes), format: header.format, path };
      }),
    );
    return images.filter((image) => image !== undefined);
  }

  /** What an ISO image in a drive is called: its name here, or else its path. */
  async nameOf(path: string): Promise<string> {
    if (dirname(path) !== this.#folder && !importedIso.test(basename(path))) return path;
    // A folder that cannot be read now has what it had: a medium keeps its name.
    const files = await this.files().catch(() => this.#seen);
    const found = files.find(
      (file) => file.kind === 'iso' && (file.path === path || volumeNameOf(file) === basename(path)),
    );
    return found?.name ?? path;
  }

  /** What is to be known of an image before a disk is made from it; throws if there is none, or not all of it. */
  async require(name: string, kind: Image['kind'], pointer: string): Promise<{ bytes: number }> {
    const files = await this.files();
    const file = files.find((candidate) => candidate.name === name && candidate.kind === kind);
    if (!file) throw imageNotFound(name, kind, files, pointer);
    await requireWhole(file).catch((error: unknown) => {
      if (!isOfFileSystem(error)) throw error;
      throw new ProblemError('host-rejected', `The image "${name}" cannot be read: ${error.message}.`, {
        cause: error,
      });
    });
    return readHeader(file.path, file.stats.size);
  }

  /** The image that a name, and a kind where one is given, says. Throws `image-not-found`, or `name-ambiguous` for a name of two. */
  async only(name: string, kind: Image['kind'] | undefined): Promise<ImageFile> {
    const files = await this.files();
    const [found, ...others] = files.filter((file) => file.name === name && (kind ?? file.kind) === file.kind);
    if (!found) throw imageNotFound(name, kind, files, 'image');
    if (others.length === 0) return found;
    const paths = [found, ...others].map(({ path }) => path).join(', ');
    const isOfOneKind = others.some((file) => file.kind === found.kind);
    throw new ProblemError(
      'name-ambiguous',
      `Several images are called "${name}": ${paths}. ${isOfOneKind ? 'Rename one of the files.' : 'Say which kind you mean, disk or iso.'}`,
      { errors: [{ pointer: 'image', detail: 'Several have this name.' }] },
    );
  }

  /** The volume of an image, imported if this is its first use. */
  async volumeOf(name: string, kind: Image['kind']): Promise<Volume> {
    const files = await this.files();
    const file = files.find((candidate) => candidate.name === name && candidate.kind === kind);
    if (!file) throw imageNotFound(name, kind, files);
    const volumeName = volumeNameOf(file);
    const running = this.#imports.get(volumeName);
    if (running) return running;
    const started = this.#import(file, volumeName).finally(() => this.#imports.delete(volumeName));
    this.#imports.set(volumeName, started);
    return started;
  }

  /** The marker is made last, so that an import that was cut is seen, and begun again. */
  async #import(file: ImageFile, volumeName: string): Promise<Volume> {
    const marker = markerOf(volumeName);
    const existing = await this.#storage.find(volumeName);
    if (existing && (await this.#storage.find(marker))) return existing;
    await requireWhole(file);
    const volume = await this.#storage.upload(
      volumeName,
      createReadStream(file.path, { highWaterMark: 2 ** 20 }),
      file.stats.size,
    );
    await this.#storage.upload(marker, [Buffer.from(file.name)], Buffer.byteLength(file.name));
    return volume;
  }

  /** Every file of the folder that is an image. */
  async files(): Promise<ImageFile[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw new ProblemError('host-rejected', `The image folder ${this.#folder} cannot be read: ${error.message}`, {
        cause: error,
      });
    });
    const files: ImageFile[] = [];
    for (const fileName of names.sort()) {
      const extension = extname(fileName).toLowerCase();
      const kind = kinds[extension];
      if (!kind || fileName.startsWith('.')) continue;
      const path = join(this.#folder, fileName);
      // A link that leads nowhere, or a share that does not answer.
      const stats = await orUnreadable(stat(path));
      if (stats?.isFile()) files.push({ name: fileName.slice(0, -extension.length), kind, path, stats });
    }
    this.#seen = files;
    return files;
  }
}

const isOfFileSystem = (error: unknown): error is NodeJS.ErrnoException =>
  typeof (error as NodeJS.ErrnoException).errno === 'number';

/** What a look at a file answers, or undefined when it cannot be read. */
async function orUnreadable<Result>(look: Promise<Result>): Promise<Result | undefined> {
  try {
    return await look;
  } catch (error) {
    if (isOfFileSystem(error)) return undefined;
    throw error;
  }
}

/** What the volume of an image is called in our pool, once it has been used. */
export const volumeNameOf = (file: ImageFile): string => `image-${identity(file)}${file.kind === 'iso' ? '.iso' : ''}`;
/** The volume that says that another is whole. */
export const markerOf = (volumeName: string): string => `${volumeName}.complete`;

const importedIso = /^image-[0-9a-f]{24}\.iso$/;

/** A file that is replaced is another image, even under the same name. */
function identity({ path, stats }: ImageFile): string {
  return createHash('sha256').update(`${path}\0${stats.size}\0${stats.mtimeMs}`).digest('hex').slice(0, 24);
}

async function requireWhole({ name, path }: ImageFile): Promise<void> {
  const header = await readQcow2Header(path);
  const missing = header?.backing ?? header?.dataFile;
  if (missing !== undefined)
    throw new ProblemError(
      'host-rejected',
      `The image "${name}" is not whole: it needs ${missing} beside it. Make one file of it: qemu-img convert -O qcow2.`,
    );
}

function imageNotFound(
  name: string,
  kind: Image['kind'] | undefined,
  files: readonly ImageFile[],
  pointer?: string,
): ProblemError {
  const available = files.filter((file) => (kind ?? file.kind) === file.kind).map((file) => file.name);
  const what = kind === undefined ? 'image' : kind === 'iso' ? 'ISO image' : 'disk image';
  return new ProblemError(
    'image-not-found',
    `There is no ${what} "${name}" on this host. ${available.length > 0 ? `It has: ${available.join(', ')}.` : 'It has none.'}`,
    pointer === undefined ? {} : { errors: [{ pointer, detail: `There is no ${what} of that name.` }] },
  );
}

async function readHeader(path: string, fileBytes: number): Promise<{ format: string; bytes: number }> {
  const header = await readQcow2Header(path);
  if (header) return { format: 'qcow2', bytes: header.bytes };
  return { format: extname(path) === '.iso' ? 'iso' : 'raw', bytes: fileBytes };
}
