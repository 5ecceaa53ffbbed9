import {
  ProblemError,
  type DriverVm,
  type NativeId,
  type PendingChange,
  type Snapshot,
  type VmState,
} from '@polyvirt/contracts';
import type { ListedVm } from '@polyvirt/hypervisor';
import { isNotFound, isWrongState, type Domain, type DomainStatus, type Libvirt } from '@polyvirt/node-libvirt';
import type { Networks } from '../networks.ts';
import type { SnapshotReader } from '../snapshots/snapshot-reader.ts';
import { seedVolumeName } from '../lifecycle/derived-ids.ts';
import type { ImageLibrary } from '../storage/image-library.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { DiskFacts } from './disk-facts.ts';
import { pathOf, placeOf } from './disk-source.ts';
import { isDisk, pendingChanges, readDomain, type DomainDefinition, type DomainDisk } from './domain-reader.ts';
import { hasProcess, isOn, stateOf } from './states.ts';
import { Unanswered } from './unanswered.ts';
import { isGone, part, sentenceOf } from './unreadable.ts';

/** So many domains are read at the same time: a connection has few slots, and time in a queue counts as time to answer. */
const PARALLEL = 16;

/** What one call tells about all domains; undefined where that call failed, so that each domain is asked. */
interface Surroundings {
  readonly leases: ReadonlyMap<string, string[]>;
  readonly saved: ReadonlySet<string> | undefined;
  readonly snapshotted: ReadonlySet<string> | undefined;
  readonly transient: ReadonlySet<string> | undefined;
  readonly autostarted: ReadonlySet<string> | undefined;
}

/** The machines of the host as records. */
export class Machines {
  readonly #libvirt: Libvirt;
  readonly #networks: Networks;
  readonly #snapshots: SnapshotReader;
  readonly #disks: DiskFacts;
  readonly #images: ImageLibrary;
  readonly #unanswered: Unanswered;

  constructor(parts: {
    libvirt: Libvirt;
    networks: Networks;
    snapshots: SnapshotReader;
    storage: StoragePool;
    images: ImageLibrary;
  }) {
    this.#libvirt = parts.libvirt;
    this.#networks = parts.networks;
    this.#snapshots = parts.snapshots;
    this.#disks = new DiskFacts(parts.storage);
    this.#images = parts.images;
    this.#unanswered = new Unanswered(parts.libvirt);
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
    const state = stateOf(status, hasManagedSave);
    return state === 'crashed' && !hasProcess(status) && (await this.definition(domain)).crashSettled
      ? 'stopped'
      : state;
  }

  /** Whether it runs, or is paused: what has crashed and still has its QEMU is not on. */
  async isOn(domain: Domain): Promise<boolean> {
    return isOn(await this.state(domain));
  }

  /**
   * Starts it. One that is being started already, as for a process of ours that was killed meanwhile, has a QEMU and is not on:
   * libvirt has this start wait for that one, and then says that it runs.
   */
  async start(domain: Domain): Promise<void> {
    await domain.start().catch(async (error: unknown) => {
      if (!isWrongState(error) || !(await this.isOn(domain))) throw error;
    });
  }

  /** The definition of the next start: what a machine that is off consists of. */
  async definition(domain: Domain): Promise<DomainDefinition> {
    return readDomain(await domain.xml({ inactive: true }));
  }

  /** The definition of the running machine, or of the next start when it is off. */
  async liveDefinition(domain: Domain): Promise<DomainDefinition> {
    return readDomain(await domain.xml());
  }

  /** All of them. One that cannot be read says why, and the others are read all the same. */
  async list(): Promise<ListedVm[]> {
    const domains = await this.#libvirt.domains.list();
    const surroundings = await this.#surroundings();
    this.#disks.keep(new Set(domains.map(({ uuid }) => uuid)));
    const waiting = [...domains];
    const records: ListedVm[] = [];
    const work = async () => {
      for (let domain = waiting.shift(); domain; domain = waiting.shift()) {
        const record = await this.#listed(domain, surroundings);
        if (record) records.push(record);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    return records;
  }

  /** Undefined for one that vanished while we looked. */
  async #listed(domain: Domain, surroundings: Surroundings): Promise<ListedVm | undefined> {
    try {
      return await this.#read(domain, surroundings);
    } catch (error) {
      if (isGone(error)) return undefined;
      const unreadable = sentenceOf(error);
      if (unreadable === undefined) throw error;
      return { nativeId: domain.uuid, name: domain.name, unreadable };
    }
  }

  async get(nativeId: NativeId): Promise<DriverVm> {
    const domain = await this.domain(nativeId);
    try {
      const leases = await this.#networks.leases();
      const unknown = { saved: undefined, snapshotted: undefined, transient: undefined, autostarted: undefined };
      return await this.#read(domain, { leases, ...unknown });
    } catch (error) {
      if (isGone(error)) throw vmNotFound(nativeId, error);
      throw error;
    }
  }

  async #surroundings(): Promise<Surroundings> {
    const uuids = (domains: Promise<Domain[]>) =>
      domains.then(
        (found) => new Set(found.map(({ uuid }) => uuid)),
        () => undefined,
      );
    const [leases, saved, snapshotted, transient, autostarted] = await Promise.all([
      this.#networks.leases(),
      uuids(this.#libvirt.domains.list({ managedSave: true })),
      uuids(this.#libvirt.domains.list({ hasSnapshot: true })),
      uuids(this.#libvirt.domains.list({ transient: true })),
      uuids(this.#libvirt.domains.list({ autostart: true })),
    ]);
    return { leases, saved, snapshotted, transient, autostarted };
  }

  async #read(domain: Domain, surroundings: Surroundings): Promise<DriverVm> {
    const { leases, saved, snapshotted, transient, autostarted } = surroundings;
    const status = await part('state', this.#unanswered.status(domain));
    const isActive = hasProcess(status);
    const [live, next, hasManagedSave, snapshots, isTransient, autostart] = await Promise.all([
      part('definition', this.liveDefinition(domain)),
      isActive ? part('definition', this.definition(domain)) : undefined,
      saved ? saved.has(domain.uuid) : part('saved memory', domain.hasManagedSave()),
      !snapshotted || snapshotted.has(domain.uuid) ? part('snapshots', this.#snapshotsOf(domain)) : [],
      transient ? transient.has(domain.uuid) : part('definition', domain.isPersistent()).then((isKept) => !isKept),
      autostarted ? autostarted.has(domain.uuid) : part('definition', domain.autostart()),
    ]);
    const [disks, cdrom, nextCdrom] = await Promise.all([
      this.#disks.of(domain, live.disks.filter(isDisk)),
      this.cdromOf(domain.uuid, live),
      next && this.cdromOf(domain.uuid, next),
    ]);
    return recordOf(domain.uuid, {
      status,
      live,
      next,
      hasManagedSave,
      snapshots,
      isTransient,
      autostart,
      leases,
      disks,
      cdrom,
      nextCdrom,
    });
  }

  /** The medium in its drive, null without one; undefined for a VM without a drive. The cloud-init seed is none of the user's. */
  async cdromOf(uuid: string, definition: DomainDefinition): Promise<string | null | undefined> {
    const drive = driveOf(uuid, definition);
    if (!drive?.source) return drive && null;
    const { source } = drive;
    const path = pathOf(source);
    return path === undefined ? placeOf(source) : this.#images.nameOf(path);
  }

  /** Once more when one of them was deleted while they were read. */
  #snapshotsOf(domain: Domain): Promise<Snapshot[]> {
    return this.#snapshots.list(domain).catch((error: unknown) => {
      if (isNotFound(error) && !isGone(error)) return this.#snapshots.list(domain);
      throw error;
    });
  }
}

function recordOf(
  nativeId: NativeId,
  seen: {
    status: DomainStatus;
    live: DomainDefinition;
    next: DomainDefinition | undefined;
    hasManagedSave: boolean;
    snapshots: Snapshot[];
    isTransient: boolean;
    autostart: boolean;
    leases: ReadonlyMap<string, string[]>;
    disks: DriverVm['disks'];
    cdrom: string | null | undefined;
    nextCdrom: string | null | undefined;
  },
): DriverVm {
  const { status, live, next, leases } = seen;
  const shown = stateOf(status, seen.hasManagedSave);
  const state = shown === 'crashed' && !hasProcess(status) && live.crashSettled ? 'stopped' : shown;
  const { cdrom, nextCdrom } = seen;
  const pending = next
    ? [...pendingChanges(live, next), ...(cdrom === nextCdrom ? [] : [changeOfMedium(cdrom, nextCdrom)])]
    : [];
  return {
    nativeId,
    name: live.name,
    state,
    cpus: live.cpus,
    memoryMiB: Math.max(1, Math.round(live.memoryMiB)),
    ...(live.firmware === undefined ? {} : { firmware: live.firmware }),
    disks: seen.disks,
    ...(live.bootOrder ? { bootOrder: [...live.bootOrder] } : {}),
    nics: live.nics.map(({ mac, network, connected }) => ({
      mac,
      network,
      connected,
      addresses: isOn(state) && connected ? (leases.get(mac) ?? []) : [],
    })),
    ...(cdrom === undefined ? {} : { cdrom }),
    template: (next ?? live).template,
    autostart: seen.autostart,
    snapshots: seen.snapshots,
    display: live.vnc !== undefined,
    serialPort: live.terminal !== undefined,
    ...(seen.isTransient ? { transient: true } : {}),
    ...(pending.length > 0 ? { pendingChanges: pending } : {}),
    ...(live.createdAt === undefined ? {} : { createdAt: live.createdAt }),
  };
}

/** The drive that people mean: the one with a medium before an empty one. The cloud-init seed is none of theirs. */
export function driveOf(uuid: string, { disks }: Pick<DomainDefinition, 'disks'>): DomainDisk | undefined {
  const drives = disks.filter(({ kind, path }) => kind === 'cdrom' && !path?.endsWith(seedVolumeName(uuid)));
  return drives.find(({ source }) => source !== undefined) ?? drives[0];
}

const changeOfMedium = (from: string | null | undefined, to: string | null | undefined): PendingChange => ({
  pointer: '/cdrom',
  ...(from !== undefined && { from }),
  ...(to !== undefined && { to }),
});

export function vmNotFound(nativeId: NativeId, cause?: unknown): ProblemError {
  return new ProblemError('vm-not-found', `There is no VM ${nativeId} on this host.`, { cause });
}
