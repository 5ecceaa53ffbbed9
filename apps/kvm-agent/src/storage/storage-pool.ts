import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ProblemError } from '@polyvirt/contracts';
import { isNotFound, LibvirtError, type Libvirt, type Pool, type Volume } from '@polyvirt/node-libvirt';
import { buildXml, child, parseXml, text } from '../xml.ts';
import type { DiskSource } from '../domain/disk-source.ts';
import { describeSource } from './file-references.ts';
import type { HostFiles } from './host-files.ts';

/** virStoragePoolState. */
const RUNNING = 2;
/** QEMU 1.1 and newer: a disk that grows while it has snapshots. libvirt's default is older. */
const QCOW2_COMPAT = '1.1';
/** A pool in which a volume is being made or copied cannot be refreshed until that is done. */
const BUSY_LOOK_EVERY_MS = 200;
const BUSY_PATIENCE_MS = 60_000;
/** Volumes that hold an image: they are shared, and never deleted with a machine. */
const IMAGE_NAME = /^image-[0-9a-f]{24}(\.iso)?$/;

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

/** Our storage pool, and the volumes of any pool, whatever way a disk names them. */
export class StoragePool {
  readonly files: HostFiles;
  readonly #libvirt: Libvirt;
  readonly #settings: StoragePoolSettings;
  #preparing: Promise<Pool> | undefined;

  constructor(libvirt: Libvirt, settings: StoragePoolSettings, files: HostFiles) {
    this.#libvirt = libvirt;
    this.#settings = settings;
    this.files = files;
  }

  /** The pool, made and started if need be. */
  ready(): Promise<Pool> {
    // Two at a time would both make it.
    return (this.#preparing ??= this.#prepare().finally(() => (this.#preparing = undefined)));
  }

  async #prepare(): Promise<Pool> {
    const known = await orUndefined(this.#libvirt.pools.getByName(this.#settings.name));
    const pool = known ?? (await this.#define());
    if ((await pool.info()).state === RUNNING) return pool;
    // That it starts by itself is noted last: until then its folder may be missing, also when whoever began it has died.
    const isFinished = await pool.autostart();
    if (!isFinished) await pool.build();
    await pool.start();
    if (!known) await pool.setAutostart(true);
    return pool;
  }

  #define(): Promise<Pool> {
    const { name, path } = this.#settings;
    return this.#libvirt.pools.define(
      buildXml({ pool: { '@type': 'dir', name, target: { path, permissions: { mode: '0711' } } } }),
    );
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
    await this.#refresh(pool);
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

  /** Whether a volume holds an image that machines are made from. */
  isImage(volume: Volume): boolean {
    return volume.pool === this.#settings.name && IMAGE_NAME.test(volume.name);
  }

  /** The volume of a disk; undefined for one that is in no pool. */
  async volumeOf(source: DiskSource): Promise<Volume | undefined> {
    if (source.kind === 'file' || source.kind === 'block') return this.at(source.path);
    if (source.kind !== 'volume') return undefined;
    const pool = await orUndefined(this.#libvirt.pools.getByName(source.pool));
    if (!pool || !(await pool.isActive())) return undefined;
    return this.#volumeIn(pool, source.volume);
  }

  /** The path of a disk on this host; undefined for one that has none. Readers may ask at any time: nothing is refreshed for it. */
  async pathOf(source: DiskSource): Promise<string | undefined> {
    if ('path' in source) return source.path;
    if (source.kind !== 'volume') return undefined;
    const pool = await orUndefined(this.#libvirt.pools.getByName(source.pool));
    if (!pool) return undefined;
    const volume = (await pool.isActive()) ? await orUndefined(pool.volume(source.volume)) : undefined;
    if (volume) {
      const path = await volume.path();
      // That of a volume in a pool of Ceph or iSCSI is an address.
      return path.startsWith('/') ? path : undefined;
    }
    // A pool that is off, or a file that is new or gone: it is where it would be.
    const target = await targetOf(pool);
    return target === undefined ? undefined : join(target, source.volume);
  }

  /** Whether libvirt knows the pool, be it active or not. */
  async hasPool(name: string): Promise<boolean> {
    return (await orUndefined(this.#libvirt.pools.getByName(name))) !== undefined;
  }

  /** A volume of any pool, whatever links lead to it; undefined when the path is in none. */
  async at(path: string): Promise<Volume | undefined> {
    const real = await this.files.real(path);
    for (const spelling of new Set([real, path])) {
      const volume = await orUndefined(this.#libvirt.volumes.getByPath(spelling));
      if (volume) return volume;
    }
    if (!(await this.files.mayExist(real))) return undefined;
    for (const pool of await this.#libvirt.pools.list({ active: true })) {
      const target = await targetOf(pool);
      if (target === undefined || !(await this.files.same(target, dirname(real)))) continue;
      const volume = await this.#volumeIn(pool, basename(real));
      if (volume) return volume;
    }
    return undefined;
  }

  /** Deletes a file of any pool. A link that led to it goes with it. */
  async delete(path: string): Promise<void> {
    const volume = await this.at(path);
    if (!volume) return;
    await orUndefined(volume.delete());
    if (!(await this.files.isLink(path))) return;
    const link = await orUndefined(this.#libvirt.volumes.getByPath(path));
    if (link) await orUndefined(link.delete());
  }

  /** libvirt knows what was in the pool when it last looked, and others make files as well. */
  async #volumeIn(pool: Pool, name: string): Promise<Volume | undefined> {
    const known = await orUndefined(pool.volume(name));
    if (known) return known;
    await this.#refresh(pool);
    return orUndefined(pool.volume(name));
  }

  async #refresh(pool: Pool): Promise<void> {
    for (const until = Date.now() + BUSY_PATIENCE_MS; ;) {
      try {
        return await pool.refresh();
      } catch (error) {
        if (!(error instanceof LibvirtError) || !/asynchronous jobs running/.test(error.message)) throw error;
        if (Date.now() > until)
          throw new ProblemError(
            'host-rejected',
            `A volume of the storage pool "${pool.name}" is being copied, and libvirt looks for new files only when that is done. Try again then.`,
            { cause: error },
          );
        await delay(BUSY_LOOK_EVERY_MS);
      }
    }
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

/** A disk that no pool of libvirt holds can be used, but not copied, grown while off, or deleted. */
export function unmanaged(device: string, source: DiskSource | undefined): ProblemError {
  if (!source) return new ProblemError('host-rejected', `${device} has no source in the definition of the VM.`);
  const what = `${device} (${describeSource(source)})`;
  switch (source.kind) {
    case 'file':
    case 'block':
      return new ProblemError(
        'host-rejected',
        `${what} is in no active storage pool of libvirt, or not there. Define a pool for its folder (virsh pool-define-as) or start the one that has it (virsh pool-start), and try again.`,
      );
    case 'volume':
      return new ProblemError(
        'host-rejected',
        `${what} is not there, or its pool is not active. Look with: virsh vol-list ${source.pool}`,
      );
    default:
      return new ProblemError(
        'host-rejected',
        `${what} is not a disk file of this host, so that it can be neither copied nor grown here.`,
      );
  }
}

/** The folder or group of devices of a pool; undefined for one that has none. */
async function targetOf(pool: Pool): Promise<string | undefined> {
  const xml = await orUndefined(pool.xml());
  return xml === undefined ? undefined : text(child(child(parseXml(xml), 'pool'), 'target'), 'path');
}

export const GIB = 2 ** 30;
