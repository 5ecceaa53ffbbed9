import { without } from '../without.ts';
import { objectAt, stringAt } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import { addressPlan } from '../state/ipam.ts';
import type { PowerEvent, VmRecord } from '../state/records.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { powerResult, type PowerAction } from './power.ts';

/** Marks a write: time and both version counters move. A power change moves `spec_version` by more than one (TF #268). */
export const touched = (vm: VmRecord, now: number, versions = 1): VmRecord => ({
  ...vm,
  updatedAt: now,
  specVersion: vm.specVersion + versions,
  entityVersion: vm.entityVersion + 1,
});

const KEPT_EVENTS = 50;

/** The VM with one more line in the history of its power. */
export function logged(vm: VmRecord, action: PowerEvent['action'], at: number): VmRecord {
  const log = vm.powerLog ?? [];
  return { ...vm, powerLog: [...log.slice(1 - KEPT_EVENTS), { number: (log.at(-1)?.number ?? 0) + 1, at, action }] };
}

export function guestHasTools(site: Datacenter, vm: VmRecord): boolean {
  const knob = site.knobs.get('guest.tools');
  if (knob !== 'asConfigured') return knob === 'installed';
  const tools = objectAt(vm.config.guestTools, 'nutanix_guest_tools');
  return stringAt(tools, 'state') === 'ENABLED' && stringAt(tools, 'ngt_state') !== 'UNINSTALLED';
}

export const guestIsResponsive = (site: Datacenter, vm: VmRecord): boolean =>
  vm.guestResponsive ?? site.knobs.get('guest.responsive');

export function withoutPower(vm: VmRecord): VmRecord {
  const rest = without(vm, 'hostUuid', 'poweredOnAt', 'learnAt', 'learnLinkLocalAt');
  const nics = vm.config.nics.map((nic) => ({
    ...nic,
    addresses: nic.addresses.filter(({ type }) => type === 'ASSIGNED'),
  }));
  return { ...rest, power: 'OFF', config: { ...vm.config, nics } };
}

/** Its memory is on disk: it is on no host, and nothing of it runs. */
export const suspended = (vm: VmRecord): VmRecord => ({ ...withoutPower(vm), power: 'SUSPENDED' });

/** @throws TaskFailure when no host has the memory. */
export function withPower(site: Datacenter, vm: VmRecord, now: number): VmRecord {
  const host = site.hosts.place(vm.clusterUuid, vm.config.memoryMiB);
  if (host === undefined)
    throw new TaskFailure(
      `NoHostResources: No host has enough available memory for VM ${vm.uuid} that uses ${vm.config.memoryMiB} MiB.`,
      {
        v4Code: 'VMM-34418',
        v4Group: 'VM_NO_HOST_FOR_PLACEMENT',
      },
    );
  return booting(site, { ...vm, power: 'ON', hostUuid: host.uuid }, now);
}

/** A guest that starts: it will report addresses of its own on subnets where nobody assigns them. */
export function booting(site: Datacenter, vm: VmRecord, now: number): VmRecord {
  const rest = without(vm, 'learnAt', 'learnLinkLocalAt');
  const learns = vm.config.nics.some(({ subnetUuid }) => {
    const subnet = subnetUuid === undefined ? undefined : site.store.get('subnet', subnetUuid);
    return subnet !== undefined && addressPlan(subnet.resources) === undefined;
  });
  if (!learns) return { ...rest, poweredOnAt: now };
  const delay = site.time('guest.addressDelay');
  return {
    ...rest,
    poweredOnAt: now,
    learnAt: now + delay,
    ...(site.knobs.get('guest.linkLocalFirst') ? { learnLinkLocalAt: now + Math.round(delay / 2) } : {}),
  };
}

/** The VM after a power request. @throws TaskFailure when the request fails. */
export function afterPower(site: Datacenter, vm: VmRecord, action: PowerAction, now: number): VmRecord {
  const result = powerResult(action, {
    power: vm.power,
    guestResponsive: guestIsResponsive(site, vm),
    guestTools: guestHasTools(site, vm),
    offWhenOff: site.knobs.get('power.offWhenOff'),
    onWhenOn: site.knobs.get('power.onWhenOn'),
  });
  switch (result.kind) {
    case 'failed':
      throw new TaskFailure(result.detail);
    case 'unchanged':
      return vm;
    case 'on':
      return touched(logged(withPower(site, vm, now), action, now), now, 2);
    case 'off':
      return touched(logged(withoutPower(vm), action, now), now, 2);
    case 'restarted':
      return touched(logged(booting(site, vm, now), action, now), now);
  }
}
