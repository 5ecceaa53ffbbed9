import type { Disk, DriverVm, Firmware, Guest, Nic, Snapshot, VmState } from '@polyvirt/contracts';
import { numberAt, objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** States in which Prism still works on the VM. */
const PENDING = ['PENDING', 'RUNNING', 'QUEUED'];

const powerStates: Readonly<Record<string, VmState>> = { ON: 'running', OFF: 'stopped', PAUSED: 'paused' };

export interface DiskFacts {
  readonly uuid: string;
  /** `scsi:0`: adapter and index, which is what the user sees in Prism. */
  readonly device: string;
  readonly bytes: number;
}

export const uuidOf = (entity: JsonObject): string => textAt(objectAt(entity, 'metadata'), 'uuid') ?? '';

export const nameOf = (entity: JsonObject): string =>
  textAt(objectAt(entity, 'spec'), 'name') ?? textAt(objectAt(entity, 'status'), 'name') ?? '';

/** What is. An entity that Prism does not fill in yet shows what was asked for. */
export function resourcesOf(entity: JsonObject): JsonObject {
  const actual = objectAt(objectAt(entity, 'status'), 'resources');
  return Object.keys(actual).length > 0 ? actual : objectAt(objectAt(entity, 'spec'), 'resources');
}

export const isPending = (entity: JsonObject): boolean =>
  PENDING.includes(textAt(objectAt(entity, 'status'), 'state') ?? '');

export const isComplete = (entity: JsonObject): boolean => objectAt(entity, 'status')['state'] === 'COMPLETE';

export function stateOf(entity: JsonObject): VmState {
  const resources = resourcesOf(entity);
  // While its create runs a VM shows the request; only one that is on has a host.
  if (isPending(entity) && textAt(objectAt(resources, 'host_reference'), 'uuid') === undefined) {
    const asked = textAt(resources, 'power_state');
    return asked === 'ON' || asked === 'OFF' || asked === undefined ? 'stopped' : (powerStates[asked] ?? 'unknown');
  }
  return powerStates[textAt(resources, 'power_state') ?? ''] ?? 'unknown';
}

export const cpusOf = (resources: JsonObject): number =>
  (numberAt(resources, 'num_sockets') ?? 0) * (numberAt(resources, 'num_vcpus_per_socket') ?? 1);

export function firmwareOf(resources: JsonObject): Firmware {
  const type = textAt(objectAt(resources, 'boot_config'), 'boot_type');
  return type === 'UEFI' || type === 'SECURE_BOOT' ? 'uefi' : 'bios';
}

/** Name of a device as the user knows it. */
export function deviceOf(disk: JsonObject): string {
  const address = objectAt(objectAt(disk, 'device_properties'), 'disk_address');
  const index = numberAt(address, 'device_index') ?? 0;
  return `${(textAt(address, 'adapter_type') ?? 'SCSI').toLowerCase()}:${index}`;
}

export const isDisk = (disk: JsonObject): boolean =>
  (textAt(objectAt(disk, 'device_properties'), 'device_type') ?? 'DISK') === 'DISK';

export const bytesOf = (disk: JsonObject): number =>
  numberAt(disk, 'disk_size_bytes') ?? (numberAt(disk, 'disk_size_mib') ?? 0) * MIB;

export const disksOf = (resources: JsonObject): DiskFacts[] =>
  objectsAt(resources, 'disk_list')
    .filter(isDisk)
    .map((disk) => ({ uuid: textAt(disk, 'uuid') ?? '', device: deviceOf(disk), bytes: bytesOf(disk) }));

/** An address of the machine itself; a guest without DHCP shows one that leads nowhere for a while. */
const isRoutable = (ip: string): boolean => !/^169\.254\.|^fe80:/i.test(ip);

export function addressesOf(nic: JsonObject): string[] {
  const ips = objectsAt(nic, 'ip_endpoint_list').flatMap((endpoint) => textAt(endpoint, 'ip') ?? []);
  return [...new Set(ips.filter(isRoutable))];
}

export const macOf = (nic: JsonObject): string => (textAt(nic, 'mac_address') ?? '').toLowerCase();

export const subnetOf = (nic: JsonObject): string | undefined => textAt(objectAt(nic, 'subnet_reference'), 'uuid');

/** What Nutanix Guest Tools tell; undefined when the VM has none. */
export function guestOf(resources: JsonObject): Guest | undefined {
  const tools = objectAt(objectAt(resources, 'guest_tools'), 'nutanix_guest_tools');
  if (tools['state'] !== 'ENABLED') return undefined;
  const os = textAt(tools, 'guest_os_version');
  return { ...(os === undefined ? {} : { os }), agent: tools['is_reachable'] === true };
}

/** The record of a VM. `networkName` knows the subnets whose name the VM does not show. */
export function readVm(
  entity: JsonObject,
  networkName: (subnetUuid: string) => string | undefined,
  snapshots: Snapshot[],
): DriverVm {
  const resources = resourcesOf(entity);
  const state = stateOf(entity);
  const guest = guestOf(resources);
  const createdAt = textAt(objectAt(entity, 'metadata'), 'creation_time');
  return {
    nativeId: uuidOf(entity),
    name: nameOf(entity),
    state,
    cpus: cpusOf(resources),
    memoryMiB: numberAt(resources, 'memory_size_mib') ?? 0,
    firmware: firmwareOf(resources),
    disks: disksOf(resources).map(({ device, bytes }): Disk => ({ device, sizeGiB: bytes / GIB })),
    nics: objectsAt(resources, 'nic_list').map((nic): Nic => readNic(nic, networkName)),
    ...(guest === undefined ? {} : { guest }),
    snapshots,
    ...(createdAt === undefined ? {} : { createdAt: new Date(createdAt).toISOString() }),
  };
}

function readNic(nic: JsonObject, networkName: (subnetUuid: string) => string | undefined): Nic {
  const subnet = subnetOf(nic);
  const network = textAt(objectAt(nic, 'subnet_reference'), 'name') ?? networkName(subnet ?? '') ?? subnet ?? '';
  return { mac: macOf(nic), network, addresses: addressesOf(nic) };
}
