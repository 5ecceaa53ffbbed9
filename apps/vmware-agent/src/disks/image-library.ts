import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { ProblemError, type Image } from '@polyvirt/contracts';
import { gibOf } from '@polyvirt/hypervisor';
import { orUnreadable } from '../inventory/unreadable.ts';
import { orMissing } from '../vmx/dictionary-file.ts';
import type { DiskTool } from './disk-tool.ts';
import { readVmdk } from './vmdk.ts';

/** Formats by the ending of the file; those of QEMU need qemu-img. */
const formats: Readonly<Record<string, { kind: Image['kind']; format: string; needsQemuImg: boolean }>> = {
  '.vmdk': { kind: 'disk', format: 'vmdk', needsQemuImg: false },
  '.qcow2': { kind: 'disk', format: 'qcow2', needsQemuImg: true },
  '.img': { kind: 'disk', format: 'raw', needsQemuImg: true },
  '.raw': { kind: 'disk', format: 'raw', needsQemuImg: true },
  '.iso': { kind: 'iso', format: 'raw', needsQemuImg: false },
};

/** A disk in parts has its extents beside it; they are no images. */
const isExtent = (name: string) => /-(s\d{3}|f\d{3}|flat|delta)\.vmdk$/i.test(name);

const QCOW2_MAGIC = 0x514649fb;

export interface ImageFile {
  readonly name: string;
  readonly kind: Image['kind'];
  readonly format: string;
  readonly path: string;
  /** Size that a guest sees. */
  readonly bytes: number;
}

/** What an ISO image in a drive is called: its name in the folder, or else its path. */
export const isoNameOf = (folder: string, path: string): string =>
  dirname(path) === resolve(folder) && /\.iso$/i.test(path) ? basename(path, extname(path)) : path;

/** The folder where the operator puts images. */
export class ImageLibrary {
  readonly #folder: string;
  readonly #disks: DiskTool;

  constructor(folder: string, disks: DiskTool) {
    this.#folder = folder;
    this.#disks = disks;
  }

  async list(): Promise<Image[]> {
    const files = await this.files();
    return files.map(({ name, kind, format, path, bytes }) => ({ name, kind, sizeGiB: gibOf(bytes), format, path }));
  }

  /** Throws `image-not-found`. */
  async demand(name: string, kind: Image['kind'], pointer?: string): Promise<ImageFile> {
    const files = (await this.files()).filter((file) => file.kind === kind);
    const found = files.find((file) => file.name === name);
    if (found) return found;
    const names = files.map((file) => file.name).join(', ');
    throw new ProblemError(
      'image-not-found',
      `There is no ${kind === 'iso' ? 'CD-ROM' : 'disk'} image "${name}" on this host. ${names === '' ? `Put one into ${this.#folder}.` : `It has: ${names}.`}`,
      pointer === undefined ? {} : { errors: [{ pointer, detail: 'There is no such image.' }] },
    );
  }

  /** Every file of the folder that is an image. */
  async files(): Promise<ImageFile[]> {
    const names = (await orMissing(readdir(this.#folder))) ?? [];
    const files = await Promise.all(names.map((name) => this.#read(name)));
    return files.filter((file) => file !== undefined).sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  async #read(fileName: string): Promise<ImageFile | undefined> {
    const ending = extname(fileName).toLowerCase();
    const known = formats[ending];
    if (!known || isExtent(fileName)) return undefined;
    if (known.needsQemuImg && !(await this.#disks.hasQemuImg())) return undefined;
    const path = join(this.#folder, fileName);
    // A file that is being copied into the folder, or is none of its name, is no image yet.
    const bytes = await orUnreadable(sizeOf(path, known.format));
    if (bytes === undefined) return undefined;
    return { name: fileName.slice(0, -ending.length), kind: known.kind, format: known.format, path, bytes };
  }
}

async function sizeOf(path: string, format: string): Promise<number | undefined> {
  if (format === 'vmdk') return (await readVmdk(path)).bytes;
  if (format !== 'qcow2') return (await stat(path)).size;
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(32);
    const { bytesRead } = await file.read(header, 0, header.length, 0);
    if (bytesRead < header.length || header.readUInt32BE(0) !== QCOW2_MAGIC) return undefined;
    return Number(header.readBigUInt64BE(24));
  } finally {
    await file.close();
  }
}
