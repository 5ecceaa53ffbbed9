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

interface ImageFile {
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
    const files = await this.#files();
    return Promise.all(
      files.map(async ({ name, kind, path, stats }) => {
        const { format, bytes } = await readHeader(path, stats.size);
        return { name, kind, sizeGiB: gibOf(bytes), format, path };
      }),
    );
  }

  /** What an ISO image in a drive is called: its name here, or else its path. */
  async nameOf(path: string): Promise<string> {
    if (dirname(path) !== this.#folder && !importedIso.test(basename(path))) return path;
    // A folder that cannot be read now has what it had: a medium keeps its name.
    const files = await this.#files().catch(() => this.#seen);
    const found = files.find(
      (file) => file.kind === 'iso' && (file.path === path || volumeNameOf(file) === basename(path)),
    );
    return found?.name ?? path;
  }

  /** What is to be known of an image before a disk is made from it; throws if there is none, or not all of it. */
  async require(name: string, kind: Image['kind'], pointer: string): Promise<{ bytes: number }> {
    const files = await this.#files();
    const file = files.find((candidate) => candidate.name === name && candidate.kind === kind);
    if (!file) throw imageNotFound(name, kind, files, pointer);
    await requireWhole(file);
    return readHeader(file.path, file.stats.size);
  }

  /** The volume of an image, imported if this is its first use. */
  async volumeOf(name: string, kind: Image['kind']): Promise<Volume> {
    const files = await this.#files();
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
    const marker = `${volumeName}.complete`;
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

  async #files(): Promise<ImageFile[]> {
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
      // Gone in the meantime, or a link that leads nowhere.
      const stats = await orMissing(stat(path));
      if (stats?.isFile()) files.push({ name: fileName.slice(0, -extension.length), kind, path, stats });
    }
    this.#seen = files;
    return files;
  }
}

async function orMissing<Result>(look: Promise<Result>): Promise<Result | undefined> {
  try {
    return await look;
  } catch (error) {
    if (['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

const volumeNameOf = (file: ImageFile): string => `image-${identity(file)}${file.kind === 'iso' ? '.iso' : ''}`;
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

function imageNotFound(name: string, kind: Image['kind'], files: readonly ImageFile[], pointer?: string): ProblemError {
  const available = files.filter((file) => file.kind === kind).map((file) => file.name);
  const what = kind === 'iso' ? 'ISO image' : 'disk image';
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
