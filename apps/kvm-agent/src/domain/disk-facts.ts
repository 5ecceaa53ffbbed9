import { setTimeout as delay } from 'node:timers/promises';
import type { Disk } from '@polyvirt/contracts';
import { gibOf } from '@polyvirt/hypervisor';
import { CallTimeoutError, isBusy, LibvirtError, type Domain } from '@polyvirt/node-libvirt';
import { LastTold } from '../last-told.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { sourceKey, type DiskSource } from './disk-source.ts';
import type { DomainDisk } from './domain-reader.ts';

/** A QEMU that works answers in milliseconds. */
const PATIENCE_MS = 2_000;

/**
 * Sizes and paths of disks. The size of a disk in use comes from QEMU, which may be taken up by a job for minutes: one call
 * waits for it then, and the sizes that were last seen stay.
 */
export class DiskFacts {
  readonly #storage: StoragePool;
  readonly #patienceMs: number;
  /** By machine, device and source: another file behind the same device has a size of its own. */
  readonly #sizes = new Map<string, Map<string, number>>();
  readonly #asking = new Map<string, Promise<void>>();
  readonly #paths = new Map<string, LastTold<string | undefined>>();

  constructor(storage: StoragePool, patienceMs = PATIENCE_MS) {
    this.#storage = storage;
    this.#patienceMs = patienceMs;
  }

  /** What is not known is absent: the size of a disk that is gone, the path of one that is not on this host. */
  async of(domain: Domain, disks: readonly DomainDisk[]): Promise<Disk[]> {
    const [sizes, paths] = await Promise.all([
      this.#sizesOf(domain, disks),
      Promise.all(disks.map(({ source }) => this.#pathOf(domain, source))),
    ]);
    return disks.map((disk, index) => {
      const bytes = sizes?.get(keyOf(disk));
      const path = paths[index];
      return {
        device: disk.device,
        ...(bytes === undefined ? {} : { sizeGiB: gibOf(bytes) }),
        ...(path === undefined ? {} : { path }),
      };
    });
  }

  async #pathOf({ uuid }: Domain, source: DiskSource | undefined): Promise<string | undefined> {
    if (!source) return undefined;
    const told = this.#paths.get(uuid) ?? new LastTold();
    this.#paths.set(uuid, told);
    return told.of(sourceKey(source), this.#storage.pathOf(source));
  }

  /** Forgets the machines that are not there any more. */
  keep(uuids: ReadonlySet<string>): void {
    for (const known of [this.#sizes, this.#paths])
      for (const uuid of known.keys()) if (!uuids.has(uuid)) known.delete(uuid);
  }

  async #sizesOf(domain: Domain, disks: readonly DomainDisk[]): Promise<ReadonlyMap<string, number> | undefined> {
    if (disks.length === 0) return undefined;
    const over = new AbortController();
    const patience = delay(this.#patienceMs, 'over' as const, { signal: over.signal });
    patience.catch(() => {});
    try {
      // What another reader is told may be from before the change that this one wants to see.
      for (let others = this.#asking.get(domain.uuid); others; others = this.#asking.get(domain.uuid))
        if ((await Promise.race([others, patience])) === 'over') return this.#sizes.get(domain.uuid);
      await Promise.race([this.#ask(domain, disks), patience]);
      return this.#sizes.get(domain.uuid);
    } finally {
      over.abort();
    }
  }

  /** One disk after the other: the first of a QEMU that does not answer keeps the others from being asked for. */
  #ask(domain: Domain, disks: readonly DomainDisk[]): Promise<void> {
    const asking = this.#look(domain, disks).finally(() => this.#asking.delete(domain.uuid));
    this.#asking.set(domain.uuid, asking);
    return asking;
  }

  async #look(domain: Domain, disks: readonly DomainDisk[]): Promise<void> {
    const before = this.#sizes.get(domain.uuid);
    const sizes = new Map<string, number>();
    for (const disk of disks) {
      try {
        const bytes = await this.#bytesOf(domain, disk);
        if (bytes !== undefined) sizes.set(keyOf(disk), bytes);
      } catch (error) {
        // Not an answer about any disk: the look has failed.
        if (!(error instanceof LibvirtError || error instanceof CallTimeoutError)) throw error;
        if (error instanceof LibvirtError && !isBusy(error)) continue;
        for (const [key, bytes] of before ?? []) if (!sizes.has(key)) sizes.set(key, bytes);
        break;
      }
    }
    this.#sizes.set(domain.uuid, sizes);
  }

  async #bytesOf(domain: Domain, { device, source }: DomainDisk): Promise<number | undefined> {
    // Of a machine that is off libvirt does not look volumes up.
    const volume = source?.kind === 'volume' ? await this.#storage.volumeOf(source) : undefined;
    const { capacityBytes } = await (volume?.info() ?? domain.blockInfo(device));
    // libvirt has no other word for a size that it does not know.
    return capacityBytes > 0 ? capacityBytes : undefined;
  }
}

const keyOf = ({ device, source }: DomainDisk): string => `${device} ${sourceKey(source)}`;
