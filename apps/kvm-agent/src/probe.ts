import type { Capacity, HostStatus } from '@polyvirt/contracts';
import { capabilitiesWithout } from '@polyvirt/hypervisor';
import { ConnectError, type Libvirt, type Version } from '@polyvirt/node-libvirt';
import type { Accelerator } from './acceleration.ts';
import { toProblem } from './libvirt.problems.ts';
import { GIB, type StoragePool } from './storage/storage-pool.ts';

const KIB_PER_MIB = 1024;

/** libvirt can do all that the contract knows; what a single machine cannot is said when it is asked for. */
const capabilities = capabilitiesWithout({});

export async function probe(libvirt: Libvirt, storage: StoragePool, accelerator: Accelerator): Promise<HostStatus> {
  try {
    const [version, hypervisor, choice, pool, capacity] = await Promise.all([
      libvirt.host.libvirtVersion(),
      libvirt.host.hypervisorVersion(),
      accelerator.choose(),
      storage.ready(),
      readCapacity(libvirt, storage),
    ]);
    const name = `libvirt ${dotted(version)}, QEMU ${dotted(hypervisor)}`;
    return {
      health: { status: 'healthy', detail: `${name} answers.` },
      version: name,
      capabilities,
      capacity,
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
    storageGiB: pool.capacityBytes / GIB,
    storageFreeGiB: pool.availableBytes / GIB,
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
