import { ProblemError, type CloudInit, type Firmware } from '@polyvirt/contracts';
import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';

const MIB_PER_GIB = 1024;

/** A disk with everything looked up: its image by UUID. */
export interface DiskPlan {
  readonly image?: string;
  /** Absent: that of the image. */
  readonly sizeGiB?: number;
}

export interface NicPlan {
  readonly subnet: string;
  readonly mac?: string;
  /** Asks for this one; absent leaves it to the subnet. */
  readonly address?: string;
}

export interface VmPlan {
  readonly cluster: string;
  readonly disks: readonly DiskPlan[];
  readonly nics: readonly NicPlan[];
  /** UUIDs of ISO images. */
  readonly cdroms: readonly string[];
}

export interface Machine {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly firmware: Firmware;
  readonly cloudInit?: CloudInit | undefined;
}

export const diskSpec = ({ image, sizeGiB }: DiskPlan, index: number): JsonObject => ({
  device_properties: { device_type: 'DISK', disk_address: { adapter_type: 'SCSI', device_index: index } },
  ...(image === undefined ? {} : { data_source_reference: { kind: 'image', uuid: image } }),
  ...(sizeGiB === undefined ? {} : sizeSpec(sizeGiB)),
});

/** Both members, as Prism demands that they agree. */
export const sizeSpec = (sizeGiB: number): JsonObject => ({
  disk_size_mib: sizeGiB * MIB_PER_GIB,
  disk_size_bytes: sizeGiB * MIB_PER_GIB * 1024 * 1024,
});

export const cdromSpec = (image: string, index: number, adapter: 'IDE' | 'SATA' = 'IDE'): JsonObject => ({
  device_properties: { device_type: 'CDROM', disk_address: { adapter_type: adapter, device_index: index } },
  data_source_reference: { kind: 'image', uuid: image },
});

export const nicSpec = ({ subnet, mac, address }: NicPlan): JsonObject => ({
  nic_type: 'NORMAL_NIC',
  is_connected: true,
  subnet_reference: { kind: 'subnet', uuid: subnet },
  ...(mac === undefined ? {} : { mac_address: mac }),
  ...(address === undefined ? {} : { ip_endpoint_list: [{ ip: address, type: 'ASSIGNED' }] }),
});

/** Prism puts it on a drive of its own, which cloud-init finds. */
export const customizationSpec = ({ userData }: CloudInit): JsonObject => ({
  cloud_init: { user_data: Buffer.from(userData).toString('base64') },
  is_overridable: false,
});

/** The request that makes a VM, off. */
export function vmIntent(uuid: string, machine: Machine, plan: VmPlan): JsonObject {
  const { name, cpus, memoryMiB, firmware, cloudInit } = machine;
  return {
    api_version: '3.1',
    metadata: { kind: 'vm', uuid },
    spec: {
      name,
      cluster_reference: { kind: 'cluster', uuid: plan.cluster },
      resources: {
        num_sockets: cpus,
        num_vcpus_per_socket: 1,
        memory_size_mib: memoryMiB,
        power_state: 'OFF',
        boot_config: { boot_type: firmware === 'uefi' ? 'UEFI' : 'LEGACY' },
        disk_list: [...plan.disks.map(diskSpec), ...plan.cdroms.map((image, index) => cdromSpec(image, index))],
        nic_list: plan.nics.map(nicSpec),
        ...(cloudInit === undefined ? {} : { guest_customization: customizationSpec(cloudInit) }),
      },
    },
  };
}

/** Places for CD-ROM drives; a Q35 machine has no IDE. */
const SLOTS = { IDE: 4, SATA: 6 } as const;

/** Puts an ISO image into the VM, in the drive that is empty or in a new one. False when it is there already. */
export function insertCdrom(spec: JsonObject, image: string): boolean {
  const resources = objectAt(spec, 'resources');
  const disks = objectsAt(resources, 'disk_list');
  const drives = disks.filter((disk) => objectAt(disk, 'device_properties')['device_type'] === 'CDROM');
  const sourceOf = (disk: JsonObject) => textAt(objectAt(disk, 'data_source_reference'), 'uuid');
  if (drives.some((drive) => sourceOf(drive) === image)) return false;
  const empty = drives.find((drive) => sourceOf(drive) === undefined);
  if (empty) {
    empty['data_source_reference'] = { kind: 'image', uuid: image };
    return true;
  }
  const adapter = resources['machine_type'] === 'Q35' ? 'SATA' : 'IDE';
  const taken = addressesOn(resources, adapter);
  const free = Array.from({ length: SLOTS[adapter] }, (_, index) => index).find((index) => !taken.includes(index));
  if (free === undefined)
    throw new ProblemError(
      'host-rejected',
      'The VM has no free place for a CD-ROM drive: the template fills all of them.',
    );
  resources['disk_list'] = [...disks, cdromSpec(image, free, adapter)];
  return true;
}

/** Device indexes of the SCSI adapter. */
const SCSI_SLOTS = 256;

const addressesOn = (resources: JsonObject, adapter: string) =>
  objectsAt(resources, 'disk_list')
    .map((disk) => objectAt(objectAt(disk, 'device_properties'), 'disk_address'))
    .filter((address) => address['adapter_type'] === adapter)
    .map((address) => address['device_index']);

/** Indexes of the SCSI adapter that no device has. */
export function freeScsiIndexes(resources: JsonObject, count: number): number[] {
  const taken = addressesOn(resources, 'SCSI');
  const free = Array.from({ length: SCSI_SLOTS }, (_, index) => index).filter((index) => !taken.includes(index));
  if (free.length < count)
    throw new ProblemError('host-rejected', `A VM on AHV has at most ${SCSI_SLOTS} disks on its SCSI adapter.`);
  return free.slice(0, count);
}

const isDrive = (disk: JsonObject) => objectAt(disk, 'device_properties')['device_type'] === 'CDROM';
const imageIn = (drive: JsonObject) => textAt(objectAt(drive, 'data_source_reference'), 'uuid');
/** What has no image and a size was written by Prism itself, for the set-up of the guest. */
const isOfGuestSetUp = (drive: JsonObject) => imageIn(drive) === undefined && drive['disk_size_mib'] !== undefined;

/** The drive that people mean: one with an image before an empty one. */
export function driveOf(resources: JsonObject): JsonObject | undefined {
  const drives = objectsAt(resources, 'disk_list').filter((disk) => isDrive(disk) && !isOfGuestSetUp(disk));
  return drives.find((drive) => imageIn(drive) !== undefined) ?? drives[0];
}

/** Inserts an image, in a drive that is made if need be, or ejects what is in there. False when it is so already. */
export function setMedium(spec: JsonObject, image: string | null): boolean {
  const drive = driveOf(objectAt(spec, 'resources'));
  if (!drive) return image !== null && insertCdrom(spec, image);
  const present = imageIn(drive) ?? null;
  if (present === image) return false;
  // Its size is that of the image.
  for (const key of ['data_source_reference', 'disk_size_mib', 'disk_size_bytes', 'storage_config']) delete drive[key];
  if (image !== null) drive['data_source_reference'] = { kind: 'image', uuid: image };
  return true;
}
