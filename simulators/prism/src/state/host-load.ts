import type { HostRecord, VmRecord } from './records.ts';
import type { Store } from './store.ts';

/** Memory a host keeps for its controller VM and hypervisor. */
const RESERVED_MIB = 36 * 1024;

interface Load {
  memoryMiB: number;
  vms: number;
}

/** What the running VMs take of each host, kept up to date from the VM records alone. */
export class HostLoad {
  private readonly loads = new Map<string, Load>();

  constructor(private readonly store: Store) {
    store.follow('vm', (before, after) => {
      this.count(before, -1);
      this.count(after, 1);
    });
  }

  vms(hostUuid: string): number {
    return this.loads.get(hostUuid)?.vms ?? 0;
  }

  freeMiB(host: HostRecord): number {
    return host.memoryMiB - RESERVED_MIB - (this.loads.get(host.uuid)?.memoryMiB ?? 0);
  }

  /** The host of the cluster with the most free memory, or undefined when none can take the VM. */
  place(clusterUuid: string, memoryMiB: number): HostRecord | undefined {
    const [best] = this.store
      .all('host')
      .filter((host) => host.clusterUuid === clusterUuid && this.freeMiB(host) >= memoryMiB)
      .sort((a, b) => this.freeMiB(b) - this.freeMiB(a));
    return best;
  }

  private count(vm: VmRecord | undefined, sign: 1 | -1): void {
    if (vm?.hostUuid === undefined) return;
    let load = this.loads.get(vm.hostUuid);
    if (load === undefined) this.loads.set(vm.hostUuid, (load = { memoryMiB: 0, vms: 0 }));
    load.memoryMiB += sign * vm.config.memoryMiB;
    load.vms += sign;
  }
}
