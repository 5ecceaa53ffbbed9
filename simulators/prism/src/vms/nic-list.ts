import { macFrom, newUuid } from '../identity.ts';
import { booleanAt, numberAt, objectAt, objectsAt, stringAt, type Json, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import { addressPlan, contains, nextFree, toNumber, toText } from '../state/ipam.ts';
import type { AddressRecord, NicRecord } from '../state/records.ts';
import { assignedNumbers } from '../state/address-index.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { optional } from './vm-defaults.ts';

/** Set in a NIC's spec by actions that take its address away, which a plain spec cannot ask for. */
export const RELEASED = '$released';

const NEEDS_SUBNET = ['NORMAL_NIC', 'DIRECT_NIC'];

/** The NICs that a `nic_list` asks for, with their addresses given out: known UUIDs are kept, others are new, those not named are gone. */
export function nicList(
  site: Datacenter,
  resources: JsonObject,
  before: readonly NicRecord[],
  clusterUuid: string,
): NicRecord[] {
  const ledger = new AddressLedger(site, before);
  const macs = new Set<string>();
  return objectsAt(resources, 'nic_list').map((spec) => {
    const known = before.find((nic) => nic.uuid === stringAt(spec, 'uuid'));
    const uuid = known?.uuid ?? newUuid();
    const nicType = stringAt(spec, 'nic_type') ?? known?.nicType ?? 'NORMAL_NIC';
    const subnetUuid = stringAt(objectAt(spec, 'subnet_reference'), 'uuid') ?? known?.subnetUuid;
    const macAddress = macOf(site, stringAt(spec, 'mac_address'), known, uuid, macs);
    const secondary = texts(spec['secondary_ip_address_list']);
    return {
      uuid,
      nicType,
      ...optional('subnetUuid', subnetUuid),
      macAddress,
      ...optional('model', stringAt(spec, 'model') ?? known?.model),
      connected: booleanAt(spec, 'is_connected') ?? true,
      vlanMode: stringAt(spec, 'vlan_mode') ?? 'ACCESS',
      trunkedVlans: numbers(spec['trunked_vlan_list']),
      queues: numberAt(spec, 'num_queues') ?? 1,
      addresses: addressesOf(site, ledger, spec, nicType, subnetUuid, known, clusterUuid),
      ...(secondary.length === 0 ? {} : { secondaryAddresses: secondary }),
    };
  });
}

/** Addresses given out by this change, on top of those that other VMs hold. */
class AddressLedger {
  private readonly changed = new Map<string, Set<number>>();

  constructor(
    private readonly site: Datacenter,
    private readonly own: readonly NicRecord[],
  ) {}

  taken(subnetUuid: string): Set<number> {
    let set = this.changed.get(subnetUuid);
    if (set === undefined) {
      set = new Set(this.site.addresses.taken(subnetUuid));
      // The VM's own addresses are free for itself: its NICs may trade them.
      for (const nic of this.own)
        if (nic.subnetUuid === subnetUuid) for (const ip of assignedNumbers(nic)) set.delete(ip);
      this.changed.set(subnetUuid, set);
    }
    return set;
  }
}

function addressesOf(
  site: Datacenter,
  ledger: AddressLedger,
  spec: JsonObject,
  nicType: string,
  subnetUuid: string | undefined,
  known: NicRecord | undefined,
  clusterUuid: string,
): AddressRecord[] {
  if (subnetUuid === undefined) {
    if (NEEDS_SUBNET.includes(nicType)) throw new TaskFailure('INVALID_ARGUMENT: A NIC needs a subnet_reference');
    return [];
  }
  const subnet = site.store.get('subnet', subnetUuid);
  if (subnet === undefined)
    throw new TaskFailure(`INVALID_ARGUMENT: Subnet ${subnetUuid} not found`, {
      v4Code: 'VMM-30604',
      v4Group: 'VM_SUBNET_NOT_FOUND',
    });
  if (subnet.clusterUuid !== undefined && subnet.clusterUuid !== clusterUuid)
    throw new TaskFailure(`INVALID_ARGUMENT: Subnet ${subnetUuid} does not belong to cluster ${clusterUuid}`, {
      v4Code: 'VMM-30605',
      v4Group: 'VM_SUBNET_NOT_PERMITTED',
    });
  const wished = objectsAt(spec, 'ip_endpoint_list').filter((endpoint) => stringAt(endpoint, 'type') !== 'LEARNED');
  const plan = addressPlan(subnet.resources);
  if (plan === undefined) {
    if (wished.some((endpoint) => stringAt(endpoint, 'ip') !== undefined))
      throw new TaskFailure(
        `INVALID_ARGUMENT: Subnet ${subnetUuid} has no IP management, so no address can be assigned`,
      );
    return known?.subnetUuid === subnetUuid ? known.addresses : [];
  }
  if (spec[RELEASED] === true) return [];
  const taken = ledger.taken(subnetUuid);
  const give = (ip: number): AddressRecord => {
    taken.add(ip);
    return { ip: toText(ip), type: 'ASSIGNED' };
  };
  const asked = wished.flatMap((endpoint) => stringAt(endpoint, 'ip') ?? []);
  if (asked.length > 0)
    return asked.map((text) => {
      const ip = toNumber(text);
      if (ip === undefined || !contains(plan, ip))
        throw new TaskFailure(`INVALID_ARGUMENT: IP address ${text} is not in subnet ${subnetUuid}`);
      if (plan.reserved.has(ip) || taken.has(ip))
        throw new TaskFailure(`INVALID_ARGUMENT: IP address ${text} is already in use on subnet ${subnetUuid}`);
      return give(ip);
    });
  const kept = known?.subnetUuid === subnetUuid ? assignedNumbers(known).filter((ip) => !taken.has(ip)) : [];
  if (kept.length > 0) return kept.map(give);
  if (plan.pools.length === 0) return [];
  const free = nextFree(plan, taken);
  if (free === undefined)
    throw new TaskFailure(`RESOURCE_SHORTAGE: No free IP address left in the pools of subnet ${subnetUuid}`);
  return [give(free)];
}

function macOf(
  site: Datacenter,
  asked: string | undefined,
  known: NicRecord | undefined,
  uuid: string,
  used: Set<string>,
): string {
  const foreign = (mac: string): boolean => {
    const owner = site.addresses.ownerOfMac(mac);
    return used.has(mac) || (owner !== undefined && owner !== uuid);
  };
  let mac = (asked ?? known?.macAddress)?.toLowerCase().replaceAll('-', ':');
  if (mac !== undefined && foreign(mac))
    throw new TaskFailure(`INVALID_ARGUMENT: MAC address ${mac} is already in use`);
  for (let salt = 0; mac === undefined || foreign(mac); salt++) mac = macFrom(`${uuid}${salt}`);
  used.add(mac);
  return mac;
}

const texts = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];

const numbers = (value: Json | undefined): number[] =>
  Array.isArray(value) ? value.filter((item): item is number => typeof item === 'number') : [];
