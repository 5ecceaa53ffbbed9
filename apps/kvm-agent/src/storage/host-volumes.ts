import { dirname } from 'node:path';
import { foreignText, ProblemError, type Forecast, type Volume } from '@polyvirt/contracts';
import { gibOf, volumeIdOf, type Effect, type OperationContext, type VolumeFacet } from '@polyvirt/hypervisor';
import { LibvirtError, type Libvirt, type Pool, type Volume as LibvirtVolume } from '@polyvirt/node-libvirt';
import { isDerivedDisk, ownerInName } from '../lifecycle/derived-ids.ts';
import { attribute, child, parseXml, text } from '../xml.ts';
import { backingChain, UnseenBelowError } from './backing-chain.ts';
import { DiskUsers, quoted, unseenWords } from './disk-users.ts';
import { orUndefined, type Backing, type StoragePool } from './storage-pool.ts';

/** Types of pools that hold disks as files. A volume of another kind may be a disk of the host itself. */
const fileBased: ReadonlySet<string> = new Set(['dir', 'fs', 'netfs']);
/** What a disk is called; a raw file that is called otherwise may be anything. */
const diskName = /\.(?:qcow2?|qed|vmdk|vdi|vhdx?|img|raw)$/i;

const deleteIt = { name: 'delete the volume', native: 'storage_vol_delete' } as const;

interface Candidate {
  readonly volume: LibvirtVolume;
  readonly path: string;
}

/** What stands on files without being the disk of a machine. */
interface Layers {
  /** By identity of a file. */
  readonly over: Map<string, string[]>;
  /** Pools and volumes of which that cannot be seen now, by name or path, each with a sentence why. */
  readonly unseen: Map<string, string>;
}

/** Told what could not be looked into; without it that fails. */
type Missed = (what: string, error: Error) => void;

/** Disks in the storage pools of libvirt that no machine needs. */
export class HostVolumes implements VolumeFacet {
  readonly #libvirt: Libvirt;
  readonly #storage: StoragePool;
  readonly #imageFolder: string;
  /** Read once beside the users of files, for all those of a machine. */
  readonly #layers = new WeakMap<DiskUsers, Promise<Layers>>();

  constructor(parts: { libvirt: Libvirt; storage: StoragePool; imageFolder: string }) {
    this.#libvirt = parts.libvirt;
    this.#storage = parts.storage;
    this.#imageFolder = parts.imageFolder;
  }

  async list(): Promise<Volume[]> {
    // A pool that does not answer hides its own volumes and no others.
    const free = await this.#free(await DiskUsers.read(this.#libvirt, this.#storage), () => undefined);
    const below = new Set((await Promise.all(free.map(({ path }) => this.#below(path)))).flat());
    const tops: Candidate[] = [];
    for (const candidate of free)
      if (!below.has(await this.#storage.files.identity(candidate.path))) tops.push(candidate);
    const described = await Promise.all(tops.map((candidate) => this.#describe(candidate)));
    return described.filter((volume) => volume !== undefined).sort((a, b) => a.name.localeCompare(b.name));
  }

  /** The file of a volume that no machine needs. Throws `volume-not-found` or `volume-in-use`. */
  async require(id: string, pointer: string): Promise<Backing> {
    const found = (await this.#candidates()).find(({ path }) => volumeIdOf(path) === id);
    const fault = (detail: string) => ({ errors: [{ pointer, detail }] });
    if (!found)
      throw new ProblemError(
        'volume-not-found',
        `There is no volume ${id} in the storage pools of libvirt. The volumes of the host are listed beside its images.`,
        fault('There is no such volume.'),
      );
    const { path, volume } = found;
    const users = await DiskUsers.read(this.#libvirt, this.#storage);
    const names = await users.of(path);
    if (names.length > 0)
      throw new ProblemError(
        'volume-in-use',
        `The volume ${id} (${path}) is in use by ${quoted(names)}. Detach it there first.`,
        fault('It is in use.'),
      );
    const { layers, unseen } = await this.layersOver(path, users, []);
    const all = new Map([...users.unseenOf(path), ...unseen]);
    if (all.size > 0)
      throw new ProblemError(
        'volume-in-use',
        `The volume ${id} (${path}) may be in use: ${unseenWords(all, 'it')}`,
        fault('It may be in use.'),
      );
    if (layers.length > 0)
      throw new ProblemError(
        'volume-in-use',
        `The volume ${id} (${path}) is the base of ${layers.join(', ')}, which would be lost by a change of it.`,
        fault('It is the base of another volume.'),
      );
    await this.#requireWhole(id, path, pointer);
    return { path, format: await this.#formatOf(volume) };
  }

  async delete(id: string, { journal }: OperationContext): Promise<Effect> {
    const { path } = await journal.step({
      name: 'look for the volume',
      native: 'storage_pool_list_all_volumes',
      act: async () => ({ ...(await this.require(id, 'volume')) }),
    });
    await journal.step({ ...deleteIt, act: () => this.#storage.delete(path) });
    return 'changed';
  }

  /** Throws what a deletion would end with. */
  async planDelete(id: string): Promise<Forecast> {
    await this.require(id, 'volume');
    return { steps: [deleteIt] };
  }

  /** Volumes that no machine has and that stand on a file, or may, beside some that are about to go. */
  async layersOver(
    path: string,
    users: DiskUsers,
    besides: readonly string[],
  ): Promise<{ layers: string[]; unseen: ReadonlyMap<string, string> }> {
    let reading = this.#layers.get(users);
    if (!reading) this.#layers.set(users, (reading = this.#readLayers(users)));
    const { over, unseen } = await reading;
    const isOther = (layer: string) => layer !== path && !besides.includes(layer);
    return {
      layers: (over.get(await this.#storage.files.identity(path)) ?? []).filter(isOther),
      unseen: new Map([...unseen].filter(([what]) => isOther(what))),
    };
  }

  async #readLayers(users: DiskUsers): Promise<Layers> {
    const over = new Map<string, string[]>();
    const unseen = new Map<string, string>();
    const missed: Missed = (what, { message }) => unseen.set(what, `${foreignText(message).replace(/\.$/, '')}.`);
    for (const { path } of await this.#free(users, missed))
      for (const identity of await this.#below(path, missed)) over.set(identity, [...(over.get(identity) ?? []), path]);
    return { over, unseen };
  }

  /** What a guest has written into its disk must not lead to files that are none of libvirt's. */
  async #requireWhole(id: string, top: string, pointer: string): Promise<void> {
    try {
      for await (const { path } of backingChain(this.#storage, { path: top, format: undefined }))
        if (!(await this.#storage.at(path)))
          throw new ProblemError(
            'host-rejected',
            `The volume ${id} stands on ${path}, which is in no active storage pool of libvirt.`,
            { errors: [{ pointer, detail: 'It is not whole.' }] },
          );
    } catch (error) {
      if (!(error instanceof UnseenBelowError)) throw error;
      throw new ProblemError('host-rejected', `Nobody can say what the volume ${id} (${top}) stands on.`, {
        errors: [{ pointer, detail: 'It cannot be looked into.' }],
        cause: error,
      });
    }
  }

  async #free(users: DiskUsers, missed: Missed): Promise<Candidate[]> {
    const free: Candidate[] = [];
    for (const candidate of await this.#candidates(missed)) {
      const { path } = candidate;
      if ((await users.of(path)).length === 0 && users.unseenOf(path).size === 0) free.push(candidate);
    }
    return free;
  }

  /** Identities of the files below a volume, as far as they can be seen. */
  async #below(top: string, missed?: Missed): Promise<string[]> {
    const below: string[] = [];
    try {
      for await (const { path } of backingChain(this.#storage, { path: top, format: undefined }))
        if (path !== top) below.push(await this.#storage.files.identity(path));
    } catch (error) {
      if (!(error instanceof UnseenBelowError)) throw error;
      missed?.(top, error);
    }
    return below;
  }

  async #candidates(missed?: Missed): Promise<Candidate[]> {
    const pools = await this.#libvirt.pools.list({ active: true });
    const found = await Promise.all(
      pools.map((pool) =>
        this.#volumesOf(pool).catch((error: unknown) => {
          if (!missed || !(error instanceof LibvirtError)) throw error;
          missed(`the storage pool ${pool.name}`, error);
          return [];
        }),
      ),
    );
    // Of a pool of files the key of a volume is its path; two pools may hold one folder.
    const byPath = new Map(found.flat().map((volume) => [volume.key, volume]));
    return [...byPath].flatMap(([path, volume]) => (this.#isDisk(volume, path) ? [{ path, volume }] : []));
  }

  async #volumesOf(pool: Pool): Promise<LibvirtVolume[]> {
    const xml = await orUndefined(pool.xml());
    const type = xml === undefined ? undefined : attribute(child(parseXml(xml), 'pool'), 'type');
    return type !== undefined && fileBased.has(type) ? ((await orUndefined(pool.volumes())) ?? []) : [];
  }

  #isDisk(volume: LibvirtVolume, path: string): boolean {
    return (
      path.startsWith('/') &&
      dirname(path) !== this.#imageFolder &&
      !this.#storage.isImage(volume) &&
      (diskName.test(volume.name) || isDerivedDisk(volume.name))
    );
  }

  async #formatOf(volume: LibvirtVolume): Promise<string> {
    const target = child(child(parseXml(await volume.xml()), 'volume'), 'target');
    return attribute(child(target, 'format'), 'type') ?? 'raw';
  }

  /** Undefined for one that has gone since. */
  async #describe({ volume, path }: Candidate): Promise<Volume | undefined> {
    const xml = await orUndefined(volume.xml());
    if (xml === undefined) return undefined;
    const element = child(parseXml(xml), 'volume');
    const target = child(element, 'target');
    const [bytes, used] = [Number(text(element, 'capacity') ?? 0), Number(text(element, 'allocation') ?? 0)];
    const seconds = Number(text(child(target, 'timestamps'), 'mtime'));
    const owner = ownerInName(volume.name);
    return {
      id: volumeIdOf(path),
      name: volume.name,
      path,
      format: attribute(child(target, 'format'), 'type') ?? 'raw',
      usedGiB: gibOf(used),
      ...(bytes > 0 && { sizeGiB: gibOf(bytes) }),
      ...(seconds > 0 && { modifiedAt: new Date(seconds * 1_000).toISOString() }),
      ...(owner !== undefined && { lastVm: owner }),
    };
  }
}
