import { ProblemError } from '@polyvirt/contracts';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import type { DomainDisk } from '../domain/domain-reader.ts';
import { orUndefined, type StoragePool } from '../storage/storage-pool.ts';
import { child, parseXml, text } from '../xml.ts';

/** virDomainCheckpointListFlags: parents first. */
const TOPOLOGICAL = 2;
/** virDomainCheckpointDeleteFlags */
const METADATA_ONLY = 2;
/** virDomainCheckpointCreateFlags */
const REDEFINE = 1;

const giveUp = (uuid: string) =>
  `the next backup is a full one then: virsh checkpoint-list ${uuid} --roots, and for each of them, while the VM runs, virsh checkpoint-delete ${uuid} NAME --children`;

/**
 * Checkpoints of incremental backups. libvirt's part of one is a definition; what has changed since is in bitmaps in the disks,
 * which QEMU keeps by itself.
 */
export class Checkpoints {
  readonly #libvirt: Libvirt;
  readonly #storage: StoragePool;

  constructor(libvirt: Libvirt, storage: StoragePool) {
    this.#libvirt = libvirt;
    this.#storage = storage;
  }

  /** Their definitions, parents first. */
  async read(domain: Domain): Promise<string[]> {
    const all = await this.#all(domain);
    const { call } = this.#libvirt;
    return Promise.all(
      all.map(async (checkpoint) => (await call.domainCheckpointGetXmlDesc({ checkpoint, flags: 0 })).xml),
    );
  }

  /** Lets libvirt forget them, for a moment in which it does what it would refuse for them; the bitmaps stay. */
  async setAside(domain: Domain): Promise<void> {
    for (const checkpoint of (await this.#all(domain)).reverse())
      await orUndefined(this.#libvirt.call.domainCheckpointDelete({ checkpoint, flags: METADATA_ONLY }));
  }

  /** Defines those that are not there. */
  async bringBack(domain: Domain, definitions: readonly string[]): Promise<void> {
    const there = await domain.checkpointNames();
    for (const xmlDesc of definitions) {
      const name = text(child(parseXml(xmlDesc), 'domaincheckpoint'), 'name');
      if (name === undefined || there.includes(name)) continue;
      await this.#libvirt.call.domainCheckpointCreateXml({ dom: domain, xmlDesc, flags: REDEFINE });
    }
  }

  /** What whoever takes a snapshot should know of them. */
  async notes(domain: Domain): Promise<string[]> {
    const names = await domain.checkpointNames();
    if (names.length === 0) return [];
    return [
      `Backups keep checkpoints in its disks (${names.join(', ')}), and QEMU reverts no disk that has them. Before it is reverted to this snapshot they have to be given up; ${giveUp(domain.uuid)}`,
    ];
  }

  /** Throws `host-rejected` for disks that QEMU would refuse to revert when the VM has been switched off for it. */
  async refuseRevert(domain: Domain, disks: readonly DomainDisk[]): Promise<void> {
    const names = await domain.checkpointNames();
    if (names.length > 0)
      throw new ProblemError(
        'host-rejected',
        `Backups keep checkpoints in its disks (${names.join(', ')}), and QEMU reverts no disk that has them. Give them up first; ${giveUp(domain.uuid)}`,
      );
    for (const { device, source, format } of disks) {
      const path = source && format === 'qcow2' ? await this.#storage.pathOf(source) : undefined;
      const header = path === undefined ? undefined : await this.#storage.files.header(path);
      if (typeof header === 'object' && header.bitmaps > 0)
        throw new ProblemError(
          'host-rejected',
          `${device} (${path}) has bitmaps, as backup programs make them, and QEMU reverts no disk that has any. Remove them while the VM is off, with which the next backup is a full one: qemu-img info ${path}, and for each of them qemu-img bitmap --remove ${path} NAME`,
        );
    }
  }

  async #all(domain: Domain) {
    const { checkpoints } = await this.#libvirt.call.domainListAllCheckpoints({ dom: domain, flags: TOPOLOGICAL });
    return checkpoints;
  }
}
