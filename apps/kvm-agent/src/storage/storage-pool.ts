import { ProblemError } from '@polyvirt/contracts';
import { isNotFound, type Libvirt, type Pool, type Volume } from '@polyvirt/node-libvirt';
import { buildXml } from '../xml.ts';

/** virStoragePoolState. */
const RUNNING = 2;
/** QEMU 1.1 and newer: a disk that grows while it has snapshots. libvirt's default is older. */
const QCOW2_COMPAT = '1.1';

export interface StoragePoolSettings {
  /** Name of the pool that new disks go to. */
  readonly name: string;
  /** Where it is made when there is no pool of that name. */
  readonly path: string;
}

export interface Backing {
  readonly path: string;
  readonly format: string;
}

/** Our storage pool, and volumes of any pool by their path. */
export class StoragePool {
  readonly #libvirt: Libvirt;
  readonly #settings: StoragePoolSettings;
  #preparing: Promise<Pool> | undefined;

  constructor(libvirt: Libvirt, settings: StoragePoolSettings) {
    this.#libvirt = libvirt;
    this.#settings = settings;
  }

  /** The pool, made and started if need be. */
  ready(): Promise<Pool> {
    // Two at a time would both make it.
    return (this.#preparing ??= this.#prepare().finally(() => (this.#preparing = undefined)));
  }

  async #prepare(): Promise<Pool> {
    const pool = (await orUndefined(this.#libvirt.pools.getByName(this.#settings.name))) ?? (await this.#define());
    if ((await pool.info()).state !== RUNNING) await pool.start();
    return pool;
  }

  async #define(): Promise<Pool> {
    const { name, path } = this.#settings;
    const pool = await this.#libvirt.pools.define(
      buildXml({ pool: { '@type': 'dir', name, target: { path, permissions: { mode: '0711' } } } }),
    );
    await pool.build();
    await pool.setAutostart(true);
    return pool;
  }

  /** An empty qcow2 volume; `backing` makes it an overlay. One of that name is from an attempt that was cut, and replaced. */
  async create(name: string, bytes: number, backing?: Backing): Promise<Volume> {
    const pool = await this.#cleared(name);
    return pool.createVolume(volumeXml(name, 'qcow2', bytes, backing));
  }

  /** A full copy of a volume, of at least the size of its source; it has no backing file. */
  async copy(name: string, source: Volume, bytes: number): Promise<Volume> {
    const pool = await this.#cleared(name);
    const copy = await pool.cloneVolume(volumeXml(name, 'qcow2', bytes), source);
    if ((await copy.info()).capacityBytes < bytes) await copy.resize(bytes);
    return copy;
  }

  /** A volume with this content, byte for byte; its format is found out afterwards. */
  async upload(
    name: string,
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    bytes: number,
  ): Promise<Volume> {
    const pool = await this.#cleared(name);
    const volume = await pool.createVolume(volumeXml(name, 'raw', bytes));
    await volume.upload(content, { length: bytes });
    await pool.refresh();
    return volume;
  }

  /** A volume of our pool by name. */
  async find(name: string): Promise<Volume | undefined> {
    return orUndefined((await this.ready()).volume(name));
  }

  /** Removes a volume of our pool, if it is there. */
  async remove(name: string): Promise<void> {
    await this.#cleared(name);
  }

  /** A volume of any pool; undefined when the path is in none. */
  async at(path: string): Promise<Volume | undefined> {
    return orUndefined(this.#libvirt.volumes.getByPath(path));
  }

  async #cleared(name: string): Promise<Pool> {
    const pool = await this.ready();
    const volume = await orUndefined(pool.volume(name));
    if (volume) await orUndefined(volume.delete());
    return pool;
  }
}

function volumeXml(name: string, format: 'qcow2' | 'raw', bytes: number, backing?: Backing): string {
  return buildXml({
    volume: {
      '@type': 'file',
      name,
      allocation: { '@unit': 'bytes', '#text': '0' },
      capacity: { '@unit': 'bytes', '#text': String(bytes) },
      target: { format: { '@type': format }, ...(format === 'qcow2' ? { compat: QCOW2_COMPAT } : {}) },
      ...(backing ? { backingStore: { path: backing.path, format: { '@type': backing.format } } } : {}),
    },
  });
}

/** Undefined for libvirt's "no such object"; everything else still rejects. */
export async function orUndefined<Result>(lookup: Promise<Result>): Promise<Result | undefined> {
  try {
    return await lookup;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** A disk whose file no pool of libvirt holds can be used, but not copied, grown while off, or deleted. */
export function unmanaged(path: string): ProblemError {
  return new ProblemError(
    'host-rejected',
    `${path} is in no storage pool of libvirt. Define a pool for its folder (virsh pool-define-as) and try again.`,
  );
}

export const GIB = 2 ** 30;
