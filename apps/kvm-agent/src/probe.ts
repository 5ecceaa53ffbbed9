import type { Capacity, HostStatus } from '@polyvirt/contracts';
import { capabilitiesWithout, gibOf, type Absences } from '@polyvirt/hypervisor';
import { ConnectError, type Libvirt, type Version } from '@polyvirt/node-libvirt';
import type { Accelerator } from './acceleration.ts';
import type { HostLimits } from './host-limits.ts';
import { toProblem } from './libvirt.problems.ts';
import type { LogDaemon } from './log-daemon.ts';
import { noLinkedCloneOfSnapshot } from './lifecycle/cloning.ts';
import { noSnapshotsFromAfar } from './snapshots/qemu-snapshots.ts';
import { noSnapshotsWithoutMemory } from './snapshots/snapshots.ts';
import type { StoragePool } from './storage/storage-pool.ts';

const KIB_PER_MIB = 1024;

/** What a host needs for its probe. */
export interface ProbeParts {
  readonly libvirt: Libvirt;
  readonly storage: StoragePool;
  readonly accelerator: Accelerator;
  readonly limits: HostLimits;
  /** Where libvirt is the system's, on this machine. */
  readonly logs: LogDaemon | undefined;
  /** Whether the agent and libvirt are on one machine. */
  readonly isLocal: boolean;
}

/** What no VM of this host can. What a single VM cannot is said when it is asked for. */
const absences = (isLocal: boolean): Absences => ({
  'console.graphic': isLocal
    ? undefined
    : 'The agent reaches libvirt over the network, and screens can be reached on their own host only. Run the agent there, or open the text console.',
  'networks.ipv6': 'libvirt reserves IPv4 addresses only: an IPv6 address depends on an id that the guest makes up.',
  'snapshots.runningWithoutMemory': noSnapshotsWithoutMemory,
  'snapshots.uefi': isLocal ? undefined : noSnapshotsFromAfar,
  'reconfigure.nameLive': 'libvirt renames no machine that is on: the new name comes with its power-off.',
  'reconfigure.memoryLive':
    'A running VM has at most the memory that it started with: the guest gives it back, and more comes with the next start.',
  'clone.running': 'The disks of a running VM change while they are copied. Stop it first.',
  'clone.linkedOfSnapshot': noLinkedCloneOfSnapshot,
});

export async function probe(parts: ProbeParts): Promise<HostStatus> {
  const { libvirt, storage, accelerator } = parts;
  const capabilities = capabilitiesWithout(absences(parts.isLocal));
  try {
    const [version, hypervisor, choice, pool, capacity, limits, lack] = await Promise.all([
      libvirt.host.libvirtVersion(),
      libvirt.host.hypervisorVersion(),
      accelerator.choose(),
      storage.ready(),
      readCapacity(libvirt, storage),
      parts.limits.read(),
      parts.logs?.lack(),
    ]);
    const name = `libvirt ${dotted(version)}, QEMU ${dotted(hypervisor)}`;
    return {
      health:
        lack === undefined ? { status: 'healthy', detail: `${name} answers.` } : { status: 'unhealthy', detail: lack },
      version: name,
      capabilities,
      capacity,
      limits,
      notes: [choice.reason, `New disks go to the storage pool "${pool.name}".`],
    };
  } catch (error) {
    return {
      health: { status: absent(error) ? 'undetected' : 'unhealthy', detail: sentence(error) },
      capabilities,
      capacity: {},
      notes: [],
    };
  }
}

async function readCapacity(libvirt: Libvirt, storage: StoragePool): Promise<Capacity> {
  const [{ cpus }, memory, pool] = await Promise.all([
    libvirt.host.info(),
    libvirt.host.memory(),
    storage.ready().then((ready) => ready.info()),
  ]);
  return {
    cpus,
    memoryMiB: Math.round(memory.totalKiB / KIB_PER_MIB),
    memoryFreeMiB: Math.round((memory.freeKiB + memory.buffersKiB + memory.cachedKiB) / KIB_PER_MIB),
    storageGiB: gibOf(pool.capacityBytes),
    storageFreeGiB: gibOf(pool.availableBytes),
  };
}

const dotted = ({ major, minor, micro }: Version) => `${major}.${minor}.${micro}`;

/** No socket: there is no libvirt on this machine, or it was never started. */
function absent(error: unknown): boolean {
  return error instanceof ConnectError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function sentence(error: unknown): string {
  if (absent(error))
    return 'No libvirt daemon listens here. Install it (Debian: libvirt-daemon-system) and start libvirtd.';
  const problem = toProblem(error);
  return problem instanceof Error ? problem.message : String(problem);
}
