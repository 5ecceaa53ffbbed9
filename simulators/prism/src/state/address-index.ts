import type { NicRecord, VmRecord } from './records.ts';
import { toNumber } from './ipam.ts';
import type { Store } from './store.ts';

const NONE: ReadonlySet<number> = new Set();

interface SubnetUse {
  readonly addresses: Set<number>;
  macs: number;
}

/** Which addresses of which subnet are given out, kept up to date from the VM records alone. */
export class AddressIndex {
  private readonly subnets = new Map<string, SubnetUse>();
  private readonly macAddresses = new Map<string, string>();

  constructor(store: Store) {
    store.follow('vm', (before, after) => {
      this.count(before, -1);
      this.count(after, 1);
    });
  }

  taken(subnetUuid: string): ReadonlySet<number> {
    return this.subnets.get(subnetUuid)?.addresses ?? NONE;
  }

  macs(subnetUuid: string): number {
    return this.subnets.get(subnetUuid)?.macs ?? 0;
  }

  /** The NIC that has a MAC address, if any. */
  ownerOfMac(macAddress: string): string | undefined {
    return this.macAddresses.get(macAddress.toLowerCase());
  }

  private count(vm: VmRecord | undefined, sign: 1 | -1): void {
    for (const nic of vm?.config.nics ?? []) {
      const mac = nic.macAddress.toLowerCase();
      if (sign === 1) this.macAddresses.set(mac, nic.uuid);
      else if (this.macAddresses.get(mac) === nic.uuid) this.macAddresses.delete(mac);
      if (nic.subnetUuid === undefined) continue;
      let use = this.subnets.get(nic.subnetUuid);
      if (use === undefined) this.subnets.set(nic.subnetUuid, (use = { addresses: new Set(), macs: 0 }));
      use.macs += sign;
      for (const ip of assignedNumbers(nic)) {
        if (sign === 1) use.addresses.add(ip);
        else use.addresses.delete(ip);
      }
    }
  }
}

export const assignedNumbers = (nic: NicRecord): number[] =>
  nic.addresses.flatMap(({ ip, type }) => (type === 'ASSIGNED' ? (toNumber(ip) ?? []) : []));
