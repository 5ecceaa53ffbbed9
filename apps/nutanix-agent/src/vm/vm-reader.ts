import {
  normalMac,
  type BootDevice,
  type Disk,
  type DriverVm,
  type Firmware,
  type Guest,
  type Nic,
  type Snapshot,
  type VmState,
} from '@polyvirt/contracts';
import { gibOf, guestAddresses } from '@polyvirt/hypervisor';
import { isObject, numberAt, objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import { isTemplate } from './template-mark.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** States in which Prism still works on the VM. */
const PENDING = ['PENDING', 'RUNNING', 'QUEUED'];

const powerStates: Readonly<Record<string, VmState>> = {
  ON: 'running',
  OFF: 'stopped',
  PAUSED: 'paused',
  SUSPENDED: 'suspended',
};

export interface DiskFacts {
  /** Absent where Prism does not say it. */
  readonly uuid?: string;
  /** `scsi:0`: adapter and index, which is what the user sees in Prism. Unique within the VM. */
  readonly device: string;
  readonly bytes?: number;
}

export const uuidOf = (entity: JsonObject): string => textAt(objectAt(entity, 'metadata'), 'uuid') ?? '';

/** The name that an entity has; one that it is being given is in its spec. */
export const nameOf = (entity: JsonObject): string =>
  textAt(objectAt(entity, 'status'), 'name') ?? textAt(objectAt(entity, 'spec'), 'name') ?? '';

/** UUID of the cluster that an entity is on; an overlay is on none. */
export const clusterOf = (entity: JsonObject): string | undefined =>
  textAt(objectAt(objectAt(entity, 'status'), 'cluster_reference'), 'uuid') ??
  textAt(objectAt(objectAt(entity, 'spec'), 'cluster_reference'), 'uuid');

/** What is. An entity that Prism does not fill in yet shows what was asked for. */
export function resourcesOf(entity: JsonObject): JsonObject {
  const actual = objectAt(objectAt(entity, 'status'), 'resources');
  return Object.keys(actual).length > 0 ? actual : objectAt(objectAt(entity, 'spec'), 'resources');
}

export const isPending = (entity: JsonObject): boolean =>
  PENDING.includes(textAt(objectAt(entity, 'status'), 'state') ?? '');

export const isComplete = (entity: JsonObject): boolean => objectAt(entity, 'status')['state'] === 'COMPLETE';

export function stateOf(entity: JsonObject): VmState {
  const actual = objectAt(objectAt(entity, 'status'), 'resources');
  // While its create runs a VM shows the request; only one that is on has a host.
  if (isPending(entity) && textAt(objectAt(actual, 'host_reference'), 'uuid') === undefined) {
    const asked = textAt(resourcesOf(entity), 'power_state');
    return asked === 'ON' || asked === 'OFF' || asked === undefined ? 'stopped' : (powerStates[asked] ?? 'unknown');
  }
  // What was asked for says nothing of what is.
  return powerStates[textAt(actual, 'power_state') ?? ''] ?? 'unknown';
}

/** No machine has more of anything than this, and what says so means something else. */
const MOST = 2 ** 31;

/** A number of things of which there is at least one; undefined for anything else. */
function countAt(holder: JsonObject, key: string): number | undefined {
  const count = numberAt(holder, key);
  return count !== undefined && Number.isInteger(count) && count > 0 && count <= MOST ? count : undefined;
}

/** As `countAt`, and one where Prism leaves it out. */
const countOrOne = (holder: JsonObject, key: string): number | undefined =>
  holder[key] === undefined || holder[key] === null ? 1 : countAt(holder, key);

/** CPUs that a socket gives the guest: its cores, each with its threads. */
export function cpusPerSocket(resources: JsonObject): number | undefined {
  const [cores, threads] = [
    countOrOne(resources, 'num_vcpus_per_socket'),
    countOrOne(resources, 'num_threads_per_core'),
  ];
  return cores === undefined || threads === undefined ? undefined : cores * threads;
}

export function cpusOf(resources: JsonObject): number | undefined {
  const [sockets, each] = [countAt(resources, 'num_sockets'), cpusPerSocket(resources)];
  return sockets === undefined || each === undefined ? undefined : sockets * each;
}

export const memoryOf = (resources: JsonObject): number | undefined => {
  const memory = numberAt(resources, 'memory_size_mib');
  return memory !== undefined && memory > 0 && memory <= MOST ? memory : undefined;
};

/** Undefined where Prism shows no boot configuration, or a kind of it that is not known here. */
export function firmwareOf(resources: JsonObject): Firmware | undefined {
  const boot = resources['boot_config'];
  if (!isObject(boot)) return undefined;
  const type = textAt(boot, 'boot_type') ?? 'LEGACY';
  if (type === 'UEFI' || type === 'SECURE_BOOT') return 'uefi';
  return type === 'LEGACY' ? 'bios' : undefined;
}

const bootDevices: Readonly<Record<string, BootDevice>> = { DISK: 'disk', CDROM: 'cdrom', NETWORK: 'network' };

/** Undefined where Prism shows no order, or boots from one device alone. */
export function bootOrderOf(resources: JsonObject): BootDevice[] | undefined {
  const list = objectAt(resources, 'boot_config')['boot_device_order_list'];
  const order = Array.isArray(list) ? list.flatMap((name) => bootDevices[String(name)] ?? []) : [];
  return order.length > 0 ? [...new Set(order)] : undefined;
}

export const deviceTypeOf = (disk: JsonObject): string =>
  textAt(objectAt(disk, 'device_properties'), 'device_type') ?? 'DISK';

export const isDisk = (disk: JsonObject): boolean => deviceTypeOf(disk) === 'DISK';

/** Adapter and index; undefined where Prism does not say where the device is. */
export function addressOf(disk: JsonObject): string | undefined {
  const address = objectAt(objectAt(disk, 'device_properties'), 'disk_address');
  const [adapter, index] = [textAt(address, 'adapter_type'), numberAt(address, 'device_index')];
  return adapter === undefined || index === undefined ? undefined : `${adapter.toLowerCase()}:${index}`;
}

/** Every device of a disk list with the name that the user knows it by. No two have the same. */
export function namedDevices(resources: JsonObject): { readonly device: string; readonly disk: JsonObject }[] {
  const taken = new Set<string>();
  return objectsAt(resources, 'disk_list').map((disk, index) => {
    const candidates = [addressOf(disk), uuidNameOf(disk), `disk:#${index}`];
    const device = candidates.find((name) => name !== undefined && !taken.has(name)) ?? `disk:#${index}`;
    taken.add(device);
    return { device, disk };
  });
}

function uuidNameOf(disk: JsonObject): string | undefined {
  const uuid = textAt(disk, 'uuid');
  return uuid === undefined ? undefined : `disk:${uuid}`;
}

export function bytesOf(disk: JsonObject): number | undefined {
  const mebibytes = numberAt(disk, 'disk_size_mib');
  const bytes = numberAt(disk, 'disk_size_bytes') ?? (mebibytes === undefined ? undefined : mebibytes * MIB);
  return bytes !== undefined && bytes > 0 && bytes <= MOST * GIB ? bytes : undefined;
}

export const disksOf = (resources: JsonObject): DiskFacts[] =>
  namedDevices(resources)
    .filter(({ disk }) => isDisk(disk))
    .map(({ device, disk }) => {
      const [uuid, bytes] = [textAt(disk, 'uuid'), bytesOf(disk)];
      return { device, ...(uuid === undefined ? {} : { uuid }), ...(bytes === undefined ? {} : { bytes }) };
    });

export const addressesOf = (nic: JsonObject): string[] =>
  guestAddresses(objectsAt(nic, 'ip_endpoint_list').flatMap((endpoint) => textAt(endpoint, 'ip') ?? []));
/**
 * UUID or name of the image in the first drive that has one; null where all are empty, undefined where there is no drive. What
 * has no image and a size was written by Prism itself, for the set-up of the guest.
 */
export function cdromOf(resources: JsonObject): { readonly uuid?: string; readonly name?: string } | null | undefined {
  const drives = objectsAt(resources, 'disk_list').filter((disk) => deviceTypeOf(disk) === 'CDROM');
  const images = drives.map((drive) => objectAt(drive, 'data_source_reference'));
  const image = images.find((reference) => textAt(reference, 'uuid') !== undefined);
  if (image) {
    const [uuid, name] = [textAt(image, 'uuid'), textAt(image, 'name')];
    return { ...(uuid === undefined ? {} : { uuid }), ...(name === undefined ? {} : { name }) };
  }
  return drives.some((drive) => bytesOf(drive) === undefined) ? null : undefined;
}

export function macOf(nic: JsonObject): string {
  const text = textAt(nic, 'mac_address') ?? '';
  return normalMac(text) ?? text.toLowerCase();
}

export const subnetOf = (nic: JsonObject): string | undefined => textAt(objectAt(nic, 'subnet_reference'), 'uuid');

/** What Nutanix Guest Tools tell; undefined when the VM has none. */
export function guestOf(resources: JsonObject): Guest | undefined {
  const tools = objectAt(objectAt(resources, 'guest_tools'), 'nutanix_guest_tools');
  if (tools['state'] !== 'ENABLED') return undefined;
  const os = textAt(tools, 'guest_os_version');
  return { ...(os === undefined ? {} : { os }), agent: tools['is_reachable'] === true };
}

/** Prism shows an entity in a way that says nothing of it. */
export class UnreadableEntityError extends Error {
  override readonly name = 'UnreadableEntityError';
}

/**
 * The record of a VM. `networkName` and `imageName` know subnets and images whose name the VM does not show. What Prism does not say is absent.
 * @throws UnreadableEntityError when Prism says nothing at all
 */
export function readVm(
  entity: JsonObject,
  networkName: (subnetUuid: string) => string | undefined,
  snapshots: Snapshot[],
  imageName: (imageUuid: string) => string | undefined = () => undefined,
): DriverVm {
  const shown = ['status', 'spec'].some((part) => isObject(objectAt(entity, part)['resources']));
  if (!shown) throw new UnreadableEntityError('Prism Central shows neither what it is nor what it was asked to be');
  const resources = resourcesOf(entity);
  const [cpus, memoryMiB, firmware] = [cpusOf(resources), memoryOf(resources), firmwareOf(resources)];
  const guest = guestOf(resources);
  const cdrom = cdromOf(resources);
  const bootOrder = bootOrderOf(resources);
  const createdAt = timeAt(objectAt(entity, 'metadata'), 'creation_time');
  return {
    nativeId: uuidOf(entity),
    name: nameOf(entity) || uuidOf(entity),
    state: stateOf(entity),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(firmware === undefined ? {} : { firmware }),
    disks: disksOf(resources).map(({ device, bytes }): Disk => ({
      device,
      ...(bytes === undefined ? {} : { sizeGiB: gibOf(bytes) }),
    })),
    nics: objectsAt(resources, 'nic_list').map((nic): Nic => readNic(nic, networkName)),
    ...(cdrom === undefined ? {} : { cdrom: cdrom && (cdrom.name ?? imageName(cdrom.uuid ?? '') ?? cdrom.uuid ?? '') }),
    ...(bootOrder === undefined ? {} : { bootOrder }),
    template: isTemplate(entity),
    ...(guest === undefined ? {} : { guest }),
    snapshots,
    ...(createdAt === undefined ? {} : { createdAt }),
  };
}

/** A time as ISO 8601; undefined for what is none. */
export function timeAt(holder: JsonObject, key: string): string | undefined {
  const time = new Date(textAt(holder, key) ?? '');
  // A year of more than four digits is none that JSON can say.
  return Number.isNaN(time.getTime()) || time.toISOString().length > 24 ? undefined : time.toISOString();
}

function readNic(nic: JsonObject, networkName: (subnetUuid: string) => string | undefined): Nic {
  const subnet = subnetOf(nic);
  const network = textAt(objectAt(nic, 'subnet_reference'), 'name') ?? (subnet && networkName(subnet)) ?? subnet;
  const mac = normalMac(textAt(nic, 'mac_address') ?? '');
  const connected = nic['is_connected'];
  return {
    ...(mac === undefined ? {} : { mac }),
    ...(network === undefined || network === '' ? {} : { network }),
    addresses: addressesOf(nic),
    ...(typeof connected === 'boolean' ? { connected } : {}),
  };
}
