import { ProblemError } from '@polyvirt/contracts';
import { isBusy, LibvirtError, type Domain } from '@polyvirt/node-libvirt';
import type { DomainDisk } from '../domain/domain-reader.ts';
import { unmanaged, type StoragePool } from './storage-pool.ts';

/** The first version of qcow2 whose disks grow while they have snapshots. */
const GROWS_WITH_SNAPSHOTS = 3;

/** What libvirt cannot say of one disk; that it cannot be asked is another matter. */
function unlessOfDisk(error: unknown): undefined {
  if (!(error instanceof LibvirtError) || isBusy(error)) throw error;
}

const unknownSize = ({ device }: DomainDisk): ProblemError =>
  new ProblemError(
    'host-rejected',
    `libvirt does not say how large ${device} is, and a disk only grows. Look at it with virsh domblkinfo, or grow it where it is kept.`,
  );

/** Sizes of disks, and how they become larger. */
export class DiskGrowth {
  readonly #storage: StoragePool;

  constructor(storage: StoragePool) {
    this.#storage = storage;
  }

  /** Size that the guest sees, in bytes; undefined when the host cannot tell. */
  async bytesOf(domain: Domain, disk: DomainDisk): Promise<number | undefined> {
    const seen = await domain.blockInfo(disk.device).catch(unlessOfDisk);
    if (seen && seen.capacityBytes > 0) return seen.capacityBytes;
    const volume = disk.source && (await this.#storage.volumeOf(disk.source));
    const known = await volume?.info().catch(unlessOfDisk);
    return known && known.capacityBytes > 0 ? known.capacityBytes : undefined;
  }

  /** Throws `host-rejected` for a disk that cannot grow, whatever its size. */
  async requireGrowable(domain: Domain, disk: DomainDisk): Promise<void> {
    const path = disk.source && (await this.#storage.pathOf(disk.source));
    const header = path === undefined || disk.format === 'raw' ? undefined : await this.#storage.files.header(path);
    if (typeof header === 'object' && header.snapshots > 0 && header.version < GROWS_WITH_SNAPSHOTS)
      throw new ProblemError(
        'host-rejected',
        `${disk.device} is a qcow2 file of the old kind (compat 0.10), which cannot grow while it has snapshots. Delete the snapshots, or convert it while the VM is off: qemu-img amend -o compat=1.1 ${path}`,
      );
    if (!(await domain.isActive())) await this.#volumeOf(disk);
    else if ((await this.bytesOf(domain, disk)) === undefined) throw unknownSize(disk);
  }

  /** Answers whether there was anything to do. */
  async grow(domain: Domain, disk: DomainDisk, bytes: number): Promise<boolean> {
    const present = await this.bytesOf(domain, disk);
    if (present !== undefined && present >= bytes) return false;
    if (await domain.isActive()) {
      // QEMU makes a disk smaller as readily as larger.
      if (present === undefined) throw unknownSize(disk);
      await domain.blockResize(disk.device, bytes);
    } else await (await this.#volumeOf(disk)).resize(bytes);
    return true;
  }

  async #volumeOf({ device, source }: DomainDisk) {
    const volume = source && (await this.#storage.volumeOf(source));
    if (!volume) throw unmanaged(device, source);
    return volume;
  }
}
