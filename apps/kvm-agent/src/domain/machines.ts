import { ProblemError, type DriverVm, type NativeId, type Snapshot, type VmState } from '@polyvirt/contracts';
import { isNotFound, type Domain, type Libvirt } from '@polyvirt/node-libvirt';
import type { Networks } from '../networks.ts';
import type { SnapshotReader } from '../snapshots/snapshot-reader.ts';
import { GIB, orUndefined } from '../storage/storage-pool.ts';
import { isDisk, pendingChanges, readDomain, type DomainDefinition, type DomainDisk } from './domain-reader.ts';
import { isOn, stateOf } from './states.ts';

interface Surroundings {
  readonly leases: ReadonlyMap<string, string[]>;
  readonly snapshots: Snapshot[];
  readonly hasManagedSave: boolean;
}

/** The machines of the host as records. */
export class Machines {
  readonly #libvirt: Libvirt;
  readonly #networks: Networks;
  readonly #snapshots: SnapshotReader;

  constructor(libvirt: Libvirt, networks: Networks, snapshots: SnapshotReader) {
    this.#libvirt = libvirt;
    this.#networks = networks;
    this.#snapshots = snapshots;
  }

  /** The domain of a native id; unknown is `vm-not-found`. */
  async domain(nativeId: NativeId): Promise<Domain> {
    try {
      return await this.#libvirt.domains.get(nativeId);
    } catch (error) {
      // A native id that is no UUID can be no domain of ours.
      if (isNotFound(error) || error instanceof RangeError || error instanceof TypeError)
        throw vmNotFound(nativeId, error);
      throw error;
    }
  }

  async find(nativeId: NativeId): Promise<Domain | undefined> {
    return this.domain(nativeId).catch((error: unknown) => {
      if (error instanceof ProblemError && error.code === 'vm-not-found') return undefined;
      throw error;
    });
  }

  async state(domain: Domain): Promise<VmState> {
    const [status, hasManagedSave] = await Promise.all([domain.state(), domain.hasManagedSave()]);
    return stateOf(status, hasManagedSave);
  }

  /** The definition of the next start: what a machine that is off consists of. */
  async definition(domain: Domain): Promise<DomainDefinition> {
    return readDomain(await domain.xml({ inactive: true }));
  }

  /** The definition of the running machine, or of the next start when it is off. */
  async liveDefinition(domain: Domain): Promise<DomainDefinition> {
    return readDomain(await domain.xml());
  }

  async list(): Promise<DriverVm[]> {
    const [domains, saved, withSnapshots, leases] = await Promise.all([
      this.#libvirt.domains.list(),
      this.#libvirt.domains.list({ managedSave: true }),
      this.#libvirt.domains.list({ hasSnapshot: true }),
      this.#networks.leases(),
    ]);
    const suspended = new Set(saved.map((domain) => domain.uuid));
    const snapshotted = new Set(withSnapshots.map((domain) => domain.uuid));
    const records = await Promise.all(
      domains.map(async (domain) => {
        const snapshots = snapshotted.has(domain.uuid) ? await orUndefined(this.#snapshots.list(domain)) : [];
        const hasManagedSave = suspended.has(domain.uuid);
        return orUndefined(this.#record(domain, { leases, snapshots: snapshots ?? [], hasManagedSave }));
      }),
    );
    // One that vanished while we looked is not there.
    return records.filter((record) => record !== undefined);
  }

  async get(nativeId: NativeId): Promise<DriverVm> {
    const domain = await this.domain(nativeId);
    try {
      const [leases, snapshots, hasManagedSave] = await Promise.all([
        this.#networks.leases(),
        this.#snapshots.list(domain),
        domain.hasManagedSave(),
      ]);
      return await this.#record(domain, { leases, snapshots, hasManagedSave });
    } catch (error) {
      if (isNotFound(error)) throw vmNotFound(nativeId, error);
      throw error;
    }
  }

  async #record(domain: Domain, { leases, snapshots, hasManagedSave }: Surroundings): Promise<DriverVm> {
    const [status, live] = await Promise.all([domain.state(), this.liveDefinition(domain)]);
    const state = stateOf(status, hasManagedSave);
    const pending = isOn(state) ? pendingChanges(live, await this.definition(domain)) : [];
    return {
      nativeId: domain.uuid,
      name: live.name,
      state,
      cpus: live.cpus,
      memoryMiB: Math.round(live.memoryMiB),
      firmware: live.firmware,
      disks: await Promise.all(live.disks.filter(isDisk).map((disk) => this.#disk(domain, disk))),
      nics: live.nics.map(({ mac, network }) => ({
        mac,
        network,
        addresses: isOn(state) ? (leases.get(mac) ?? []) : [],
      })),
      snapshots,
      ...(pending.length > 0 ? { pendingChanges: pending } : {}),
      ...(live.createdAt === undefined ? {} : { createdAt: live.createdAt }),
    };
  }

  async #disk(domain: Domain, { device, path }: DomainDisk): Promise<DriverVm['disks'][number]> {
    // A network disk or a file that is gone has no size to tell.
    const size = await domain.blockInfo(device).then(
      ({ capacityBytes }) => capacityBytes,
      () => 0,
    );
    return { device, sizeGiB: size / GIB, ...(path === undefined ? {} : { path }) };
  }
}

export function vmNotFound(nativeId: NativeId, cause?: unknown): ProblemError {
  return new ProblemError('vm-not-found', `There is no VM ${nativeId} on this host.`, { cause });
}
