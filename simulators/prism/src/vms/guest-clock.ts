import type { Cancel } from '../clock.ts';
import { without } from '../without.ts';
import type { Datacenter } from '../state/datacenter.ts';
import { addressPlan } from '../state/ipam.ts';
import type { NicRecord, VmRecord } from '../state/records.ts';
import { logged, touched, withoutPower } from './vm-power.ts';

/** Lets guests do things in their own time: report addresses on subnets without IP management, and shut down when asked. */
export class GuestClock {
  private readonly alarms = new Map<string, Cancel>();
  private closed = false;

  constructor(private readonly site: Datacenter) {
    site.store.follow('vm', (before, after) => {
      const vm = after ?? before;
      if (vm === undefined) return;
      this.alarms.get(vm.uuid)?.();
      this.alarms.delete(vm.uuid);
      if (after !== undefined) this.schedule(after);
    });
  }

  close(): void {
    this.closed = true;
    for (const cancel of this.alarms.values()) cancel();
    this.alarms.clear();
  }

  private schedule(vm: VmRecord): void {
    const learns = vm.learnLinkLocalAt ?? vm.learnAt ?? Infinity;
    const stops = vm.shutdownAt ?? Infinity;
    const due = Math.min(learns, stops);
    if (due === Infinity || this.closed) return;
    const action = (): void => (stops <= learns ? this.shutDown(vm.uuid) : this.learn(vm.uuid));
    this.alarms.set(vm.uuid, this.site.clock.at(due, action));
  }

  private shutDown(uuid: string): void {
    const vm = this.site.store.get('vm', uuid);
    if (vm === undefined) return;
    const rest = without(vm, 'shutdownAt');
    const now = this.site.clock.now();
    const next = vm.power === 'OFF' ? rest : touched(logged(withoutPower(rest), 'acpiShutdown', now), now, 2);
    this.site.store.commit([['vm', uuid, next]]);
  }

  private learn(uuid: string): void {
    const vm = this.site.store.get('vm', uuid);
    if (vm === undefined || vm.power !== 'ON') return;
    const linkLocal = vm.learnLinkLocalAt !== undefined;
    const { learnAt } = vm;
    const rest = without(vm, 'learnLinkLocalAt', 'learnAt');
    const nics = vm.config.nics.map((nic) =>
      this.isUnmanaged(nic) && nic.connected
        ? { ...nic, addresses: [{ ip: guestAddress(nic, linkLocal), type: 'LEARNED' as const }] }
        : nic,
    );
    const later = linkLocal && learnAt !== undefined ? { learnAt } : {};
    this.site.store.commit([
      ['vm', uuid, touched({ ...rest, ...later, config: { ...vm.config, nics } }, this.site.clock.now())],
    ]);
  }

  private isUnmanaged(nic: NicRecord): boolean {
    const subnet = nic.subnetUuid === undefined ? undefined : this.site.store.get('subnet', nic.subnetUuid);
    return subnet !== undefined && addressPlan(subnet.resources) === undefined;
  }
}

/** The address that a DHCP server outside Prism would have given: drawn from the MAC, so it stays the same over reboots. */
function guestAddress(nic: NicRecord, linkLocal: boolean): string {
  const [a = 0, b = 0, c = 0] = nic.macAddress
    .split(':')
    .slice(3)
    .map((part) => parseInt(part, 16));
  const last = 1 + (c % 254);
  return linkLocal ? `169.254.${b}.${last}` : `10.${a}.${b}.${last}`;
}
