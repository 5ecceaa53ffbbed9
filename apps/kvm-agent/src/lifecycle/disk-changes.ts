import { ProblemError, type DiskAddition, type HardwareChange } from '@polyvirt/contracts';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { isDisk, type DomainDefinition } from '../domain/domain-reader.ts';
import { diskDevice } from '../domain/domain-xml.ts';
import { diskElement, diskXml } from '../domain/device-xml.ts';
import type { Machines } from '../domain/machines.ts';
import { reasonToKeep } from '../storage/delete-unused.ts';
import { DiskUsers, quoted, unseenWords } from '../storage/disk-users.ts';
import type { HostVolumes } from '../storage/host-volumes.ts';
import type { ImageLibrary } from '../storage/image-library.ts';
import { describeSource } from '../storage/file-references.ts';
import { GIB, type StoragePool } from '../storage/storage-pool.ts';
import { readVolume } from '../storage/volume-facts.ts';
import { volumeIdOf } from '@polyvirt/hypervisor';
import { addedVolumeName } from './derived-ids.ts';
import type { RemainsReader } from './remains.ts';

/** A disk that comes: its volume is made under this name, or is there already. */
export type AddedDisk = { device: string; name: string | null; attached: { path: string; format: string } | null };

/** A disk that goes; kept by the journal, as nothing says it any more once it is gone. */
export type RemovedDisk = {
  device: string;
  /** Of the next start; null where it has gone from there already. */
  xml: string | null;
  /** Files that go with it, from top to bottom. */
  links: string[];
  notes: string[];
};

export type DiskDecision = { added: AddedDisk[]; removed: RemovedDisk[] };

const MOST_DISKS = 26 * 27;

/** Decides which disks come and go, and makes the new ones. */
export class DiskChanges {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #storage: StoragePool;
  readonly #images: ImageLibrary;
  readonly #volumes: HostVolumes;
  readonly #remains: RemainsReader;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    images: ImageLibrary;
    volumes: HostVolumes;
    remains: RemainsReader;
  }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#storage = parts.storage;
    this.#images = parts.images;
    this.#volumes = parts.volumes;
    this.#remains = parts.remains;
  }

  /** Throws what would make one of them fail. */
  async decide(domain: Domain, input: HardwareChange, operationId: string): Promise<DiskDecision> {
    const { addDisks = [], removeDisks = [] } = input;
    if (addDisks.length === 0 && removeDisks.length === 0) return { added: [], removed: [] };
    const [present, next] = await Promise.all([
      this.#machines.liveDefinition(domain),
      this.#machines.definition(domain),
    ]);
    const removed: RemovedDisk[] = [];
    for (const { device, keep } of removeDisks) removed.push(await this.#decideRemoval(domain, present, device, keep));
    const taken = new Set([...present.disks, ...next.disks].map(({ device }) => device));
    const added: AddedDisk[] = [];
    for (const [index, disk] of addDisks.entries()) {
      const device = firstFree(taken);
      taken.add(device);
      const at = `/addDisks/${index}`;
      if (disk.volume === undefined) await this.#requireImage(disk, at);
      added.push({
        device,
        name: disk.volume === undefined ? addedVolumeName(domain.uuid, device, operationId) : null,
        attached: disk.volume === undefined ? null : { ...(await this.#volumes.require(disk.volume, `${at}/volume`)) },
      });
    }
    return { added, removed };
  }

  async #requireImage({ image, sizeGiB }: DiskAddition, at: string): Promise<void> {
    if (image === undefined) return;
    const { bytes } = await this.#images.require(image, 'disk', `${at}/image`);
    if (sizeGiB === undefined || sizeGiB * GIB >= bytes) return;
    const least = Math.ceil(bytes / GIB);
    throw new ProblemError('invalid-input', `The image "${image}" needs a disk of at least ${least} GiB.`, {
      errors: [{ pointer: `${at}/sizeGiB`, detail: `At least ${least}.` }],
    });
  }

  async #decideRemoval(
    domain: Domain,
    { disks }: DomainDefinition,
    device: string,
    keep: boolean,
  ): Promise<RemovedDisk> {
    const disk = disks.filter(isDisk).find((one) => one.device === device);
    if (!disk) throw new ProblemError('device-not-found', `There is no disk ${device}.`);
    const xml = diskElement(await domain.xml({ inactive: true }), device)?.toString() ?? null;
    if (!disk.source) return { device, xml, links: [], notes: [] };
    const remains = await this.#remains.ofDisk(domain, device, disk.source, disk.format);
    if (!keep) return { device, xml, ...remains };
    const path = await this.#storage.pathOf(disk.source);
    const volume = path === undefined ? undefined : await this.#storage.at(path);
    const place = path ?? describeSource(disk.source);
    const note =
      volume && path !== undefined
        ? `Kept ${device} as the volume ${volumeIdOf(path)} of the host: ${place}`
        : `Kept ${device} (${place}). It is in no storage pool of libvirt, so that it is not among the volumes of the host.`;
    return { device, xml, links: [], notes: [note] };
  }

  /** What of the files that are to go will stay, as somebody else needs it. */
  async keptOf(domain: Domain, { removed }: DiskDecision): Promise<{ doomed: string[]; kept: string[] }> {
    const all = removed.flatMap(({ links }) => links);
    if (all.length === 0) return { doomed: [], kept: [] };
    const users = await DiskUsers.read(this.#libvirt, this.#storage, domain.uuid);
    const [doomed, kept]: [string[], string[]] = [[], []];
    for (const { device, links } of removed)
      for (const path of links) {
        const reason = await reasonToKeep(path, users, this.#volumes, all);
        if (reason === null) doomed.push(path);
        else kept.push(keptNote(device, path, reason));
        if (reason !== null) break;
      }
    return { doomed, kept };
  }

  /** Makes the volume of a new disk, empty or from an image. */
  async make({ name, device }: AddedDisk, disk: DiskAddition): Promise<string> {
    const { image, sizeGiB, copy } = disk;
    if (name === null) throw new RangeError(`${device} is a volume that is there`);
    if (image === undefined) return (await this.#storage.create(name, (sizeGiB ?? 0) * GIB)).path();
    const base = await this.#images.volumeOf(image, 'disk');
    const facts = await readVolume(base);
    const bytes = sizeGiB === undefined ? facts.bytes : sizeGiB * GIB;
    const volume =
      copy === 'full' ? await this.#storage.copy(name, base, bytes) : await this.#storage.create(name, bytes, facts);
    return volume.path();
  }

  /** Removes the volume again. One that a machine still has stays, and so does what it was made for. */
  async unmake({ name }: AddedDisk): Promise<void> {
    const volume = name === null ? undefined : await this.#storage.find(name);
    if (!volume) return;
    const users = await DiskUsers.read(this.#libvirt, this.#storage);
    const path = await volume.path();
    const names = await users.of(path);
    if (names.length > 0)
      throw new ProblemError('host-rejected', `The new disk ${volume.name} is still in use by ${quoted(names)}.`);
    const unseen = users.unseenOf(path);
    if (unseen.size > 0)
      throw new ProblemError('host-rejected', `The new disk ${volume.name} stays: ${unseenWords(unseen, 'it')}`);
    await this.#storage.remove(volume.name);
  }

  /** Deletes one file of a disk that has gone, unless it is needed. Answers why it is. */
  async delete(path: string, besides: readonly string[]): Promise<string | null> {
    const users = await DiskUsers.read(this.#libvirt, this.#storage);
    const reason = await reasonToKeep(path, users, this.#volumes, besides);
    if (reason === null) await this.#storage.delete(path);
    return reason;
  }
}

export const xmlOf = (disk: AddedDisk, path: string): string =>
  diskXml({ device: disk.device, path, format: disk.attached?.format ?? 'qcow2' });

export const keptNote = (device: string, path: string, reason: string): string =>
  `Kept a file of ${device} (${path}): ${reason}`;

function firstFree(taken: ReadonlySet<string>): string {
  for (let index = 0; index < MOST_DISKS; index += 1) {
    const device = diskDevice(index);
    if (!taken.has(device)) return device;
  }
  throw new ProblemError('host-rejected', 'The VM has as many disks as libvirt can name.');
}
