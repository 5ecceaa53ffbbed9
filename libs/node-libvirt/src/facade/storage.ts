import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SparseChunk } from '../connection/libvirt-stream.ts';
import type { Libvirt } from '../libvirt.ts';
import {
  flagsOf,
  listFlags,
  poolBuildFlags,
  poolCreateFlags,
  volumeCreateFlags,
  volumeDeleteFlags,
  volumeResizeFlags,
  type FlagOptions,
} from '../protocol/flags.ts';
import type { EncodableStruct, Struct } from '../protocol/schema.ts';
import { isUuid } from '../protocol/uuid.ts';
import { orNull } from './lookup.ts';
import { readSparseFile, writeSparseFile } from './sparse-file.ts';

export interface PoolInfo {
  /** One of `PoolState`. */
  state: number;
  capacityBytes: number;
  allocationBytes: number;
  availableBytes: number;
}

export interface VolumeInfo {
  /** One of `VolumeType`. */
  type: number;
  capacityBytes: number;
  allocationBytes: number;
}

/** A part of a volume; all of it by default. */
export interface TransferRange {
  offset?: number;
  /** 0 means to the end. */
  length?: number;
  signal?: AbortSignal;
}

/** Storage pools of the daemon. */
export class Pools {
  private readonly libvirt: Libvirt;

  constructor(libvirt: Libvirt) {
    this.libvirt = libvirt;
  }

  async list(options: FlagOptions<typeof listFlags> = {}): Promise<Pool[]> {
    const { pools } = await this.libvirt.call.connectListAllStoragePools({ flags: flagsOf(listFlags, options) });
    return pools.map((pool) => new Pool(this.libvirt, pool));
  }

  /** Rejects with a not-found error. */
  async get(uuid: string): Promise<Pool> {
    return new Pool(this.libvirt, (await this.libvirt.call.storagePoolLookupByUuid({ uuid })).pool);
  }

  async getByName(name: string): Promise<Pool> {
    return new Pool(this.libvirt, (await this.libvirt.call.storagePoolLookupByName({ name })).pool);
  }

  /** The pool whose target is exactly this directory or device. */
  async getByTargetPath(path: string): Promise<Pool> {
    return new Pool(this.libvirt, (await this.libvirt.call.storagePoolLookupByTargetPath({ path })).pool);
  }

  /** By UUID, else by name; null when there is no such pool. */
  async find(uuidOrName: string): Promise<Pool | null> {
    const byUuid = isUuid(uuidOrName) ? await orNull(this.get(uuidOrName)) : null;
    return byUuid ?? orNull(this.getByName(uuidOrName));
  }

  async define(xml: string): Promise<Pool> {
    return new Pool(this.libvirt, (await this.libvirt.call.storagePoolDefineXml({ xml })).pool);
  }

  /** Starts a pool that is forgotten when it stops. */
  async createTransient(xml: string, options: FlagOptions<typeof poolCreateFlags> = {}): Promise<Pool> {
    const flags = flagsOf(poolCreateFlags, options);
    return new Pool(this.libvirt, (await this.libvirt.call.storagePoolCreateXml({ xml, flags })).pool);
  }
}

/** A storage pool, found by its UUID only. */
export class Pool implements Struct<'pool'> {
  readonly uuid: string;
  readonly name: string;
  // Truly private: an object that is logged or serialized shows the pool, not the connection.
  readonly #libvirt: Libvirt;

  constructor(libvirt: Libvirt, pool: Struct<'pool'>) {
    this.#libvirt = libvirt;
    this.uuid = pool.uuid;
    this.name = pool.name;
  }

  async xml(): Promise<string> {
    return (await this.#libvirt.call.storagePoolGetXmlDesc({ pool: this })).xml;
  }

  async info(): Promise<PoolInfo> {
    const info = await this.#libvirt.call.storagePoolGetInfo({ pool: this });
    return {
      state: info.state,
      capacityBytes: Number(info.capacity),
      allocationBytes: Number(info.allocation),
      availableBytes: Number(info.available),
    };
  }

  /** Makes the target (the directory of a directory pool). */
  build(options: FlagOptions<typeof poolBuildFlags> = {}): Promise<void> {
    return this.#libvirt.call.storagePoolBuild({ pool: this, flags: flagsOf(poolBuildFlags, options) });
  }

  start(options: FlagOptions<typeof poolCreateFlags> = {}): Promise<void> {
    return this.#libvirt.call.storagePoolCreate({ pool: this, flags: flagsOf(poolCreateFlags, options) });
  }

  /** Stops it; the data stays. */
  destroy(): Promise<void> {
    return this.#libvirt.call.storagePoolDestroy({ pool: this });
  }

  /** Removes the target, which has to be empty. */
  delete(): Promise<void> {
    return this.#libvirt.call.storagePoolDelete({ pool: this });
  }

  undefine(): Promise<void> {
    return this.#libvirt.call.storagePoolUndefine({ pool: this });
  }

  /** Looks at the target again, for volumes that others made or removed. */
  refresh(): Promise<void> {
    return this.#libvirt.call.storagePoolRefresh({ pool: this });
  }

  async isActive(): Promise<boolean> {
    return (await this.#libvirt.call.storagePoolIsActive({ pool: this })).active;
  }

  async isPersistent(): Promise<boolean> {
    return (await this.#libvirt.call.storagePoolIsPersistent({ pool: this })).persistent;
  }

  async autostart(): Promise<boolean> {
    return (await this.#libvirt.call.storagePoolGetAutostart({ pool: this })).autostart;
  }

  setAutostart(autostart: boolean): Promise<void> {
    return this.#libvirt.call.storagePoolSetAutostart({ pool: this, autostart });
  }

  async volumes(): Promise<Volume[]> {
    const { vols } = await this.#libvirt.call.storagePoolListAllVolumes({ pool: this });
    return vols.map((vol) => new Volume(this.#libvirt, vol));
  }

  /** Rejects with a not-found error. */
  async volume(name: string): Promise<Volume> {
    return new Volume(this.#libvirt, (await this.#libvirt.call.storageVolLookupByName({ pool: this, name })).vol);
  }

  async findVolume(name: string): Promise<Volume | null> {
    return orNull(this.volume(name));
  }

  /** A qcow2 volume needs `<compat>1.1</compat>` in its target to be more than a 2008 image. A taken name is code 90. */
  async createVolume(xml: string, options: FlagOptions<typeof volumeCreateFlags> = {}): Promise<Volume> {
    const flags = flagsOf(volumeCreateFlags, options);
    return new Volume(this.#libvirt, (await this.#libvirt.call.storageVolCreateXml({ pool: this, xml, flags })).vol);
  }

  /** A full copy of `source`, converted to the format that `xml` asks for. */
  async cloneVolume(
    xml: string,
    source: EncodableStruct<'volume'>,
    options: FlagOptions<typeof volumeCreateFlags> = {},
  ): Promise<Volume> {
    const flags = flagsOf(volumeCreateFlags, options);
    const reply = await this.#libvirt.call.storageVolCreateXmlFrom({ pool: this, xml, clonevol: source, flags });
    return new Volume(this.#libvirt, reply.vol);
  }
}

/** Volumes of all pools, by what identifies them outside of a pool. */
export class Volumes {
  private readonly libvirt: Libvirt;

  constructor(libvirt: Libvirt) {
    this.libvirt = libvirt;
  }

  /** Rejects with a not-found error for a file that no active pool knows. */
  async getByPath(path: string): Promise<Volume> {
    return new Volume(this.libvirt, (await this.libvirt.call.storageVolLookupByPath({ path })).vol);
  }

  async getByKey(key: string): Promise<Volume> {
    return new Volume(this.libvirt, (await this.libvirt.call.storageVolLookupByKey({ key })).vol);
  }

  async findByPath(path: string): Promise<Volume | null> {
    return orNull(this.getByPath(path));
  }
}

/** A volume, found by the names of its pool and of itself. */
export class Volume implements Struct<'volume'> {
  readonly pool: string;
  readonly name: string;
  readonly key: string;
  // Truly private: an object that is logged or serialized shows the volume, not the connection.
  readonly #libvirt: Libvirt;

  constructor(libvirt: Libvirt, vol: Struct<'volume'>) {
    this.#libvirt = libvirt;
    this.pool = vol.pool;
    this.name = vol.name;
    this.key = vol.key;
  }

  async xml(): Promise<string> {
    return (await this.#libvirt.call.storageVolGetXmlDesc({ vol: this })).xml;
  }

  async path(): Promise<string> {
    return (await this.#libvirt.call.storageVolGetPath({ vol: this })).name;
  }

  async info(): Promise<VolumeInfo> {
    const info = await this.#libvirt.call.storageVolGetInfo({ vol: this });
    return { type: info.type, capacityBytes: Number(info.capacity), allocationBytes: Number(info.allocation) };
  }

  /** Bytes, or with `delta` bytes more. */
  resize(capacityBytes: number, options: FlagOptions<typeof volumeResizeFlags> = {}): Promise<void> {
    const flags = flagsOf(volumeResizeFlags, options);
    return this.#libvirt.call.storageVolResize({ vol: this, capacity: capacityBytes, flags });
  }

  delete(options: FlagOptions<typeof volumeDeleteFlags> = {}): Promise<void> {
    return this.#libvirt.call.storageVolDelete({ vol: this, flags: flagsOf(volumeDeleteFlags, options) });
  }

  wipe(): Promise<void> {
    return this.#libvirt.call.storageVolWipe({ vol: this });
  }

  /** Its bytes. The stream ends only after the daemon said that they were all. */
  async downloadStream(range: TransferRange = {}): Promise<Readable> {
    return (await this.openDownload(range, false)).stream;
  }

  /** Takes bytes for it. `finish` comes only after the daemon confirmed that everything is written. */
  async uploadStream(range: TransferRange = {}): Promise<Writable> {
    return (await this.openUpload(range, false)).stream;
  }

  /** Writes everything `source` gives into it and resolves when the daemon has confirmed. */
  async upload(
    source: Iterable<Uint8Array> | AsyncIterable<Uint8Array> | Readable,
    range: TransferRange = {},
  ): Promise<void> {
    await pipeline(source, await this.uploadStream(range));
  }

  /** Writes it into `destination`. */
  async download(destination: Writable, range: TransferRange = {}): Promise<void> {
    await pipeline(await this.downloadStream(range), destination);
  }

  /** Runs of zeros come as `{ hole }` and are not transferred. */
  async downloadSparse(range: TransferRange = {}): Promise<AsyncIterable<SparseChunk>> {
    return (await this.openDownload(range, true)).stream as AsyncIterable<SparseChunk>;
  }

  /**
   * Skips runs of zeros. Only for a volume that was just made with `<allocation>0</allocation>`: a hole cuts the file off
   * where it begins, and over old data it leaves that data readable. The chunks must reach up to the end of the volume, a last hole included.
   */
  async uploadSparse(
    source: Iterable<SparseChunk> | AsyncIterable<SparseChunk>,
    range: TransferRange = {},
  ): Promise<void> {
    await pipeline(source, (await this.openUpload(range, true)).stream);
  }

  /** Copies it into a local file; its holes stay holes. */
  async downloadFile(path: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    await writeSparseFile(path, await this.downloadSparse(options));
  }

  /** Copies a local file into it. With `sparse` zeros are skipped, which needs a volume that was just made. */
  async uploadFile(path: string, options: { sparse?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    const chunks = readSparseFile(path, options.sparse ?? false);
    if (options.sparse) await this.uploadSparse(chunks, options);
    else await this.upload(bytesOf(chunks), options);
  }

  private openDownload({ offset = 0, length = 0, signal }: TransferRange, sparse: boolean) {
    const args = { vol: this, offset, length, flags: sparse ? SPARSE_STREAM : 0 };
    return this.#libvirt.openStream('storageVolDownload', args, { sparse, ...(signal ? { signal } : {}) });
  }

  private openUpload({ offset = 0, length = 0, signal }: TransferRange, sparse: boolean) {
    const args = { vol: this, offset, length, flags: sparse ? SPARSE_STREAM : 0 };
    return this.#libvirt.openStream('storageVolUpload', args, { sparse, ...(signal ? { signal } : {}) });
  }
}

const SPARSE_STREAM = 1;

async function* bytesOf(chunks: AsyncIterable<SparseChunk>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    if ('data' in chunk) yield chunk.data;
  }
}
