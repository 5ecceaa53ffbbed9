import { newUuid } from '../identity.ts';
import { numberAt, objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { DiskRecord } from '../state/records.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { optional } from './vm-defaults.ts';

export const MIB = 1024 * 1024;

/** How many devices an adapter takes. */
const SLOTS: Readonly<Record<string, number>> = { SCSI: 256, IDE: 4, PCI: 7, SATA: 6, SPAPR: 256 };

interface Wish {
  readonly spec: JsonObject;
  readonly before: DiskRecord | undefined;
  readonly deviceType: DiskRecord['deviceType'];
  adapterType: string;
  deviceIndex: number | undefined;
}

/** The disks that a `disk_list` asks for: known UUIDs are kept and changed, others are new, those not named are gone. */
export function diskList(
  site: Datacenter,
  resources: JsonObject,
  before: readonly DiskRecord[],
  clusterUuid: string,
): DiskRecord[] {
  const machineType = stringAt(resources, 'machine_type') ?? 'PC';
  const wishes = objectsAt(resources, 'disk_list').map((spec): Wish => {
    const uuid = stringAt(spec, 'uuid');
    const known = before.find((disk) => disk.uuid === uuid);
    const properties = objectAt(spec, 'device_properties');
    const address = objectAt(properties, 'disk_address');
    const deviceType = (stringAt(properties, 'device_type') ?? known?.deviceType ?? 'DISK') as DiskRecord['deviceType'];
    const fallback = deviceType === 'CDROM' ? (machineType === 'Q35' ? 'SATA' : 'IDE') : 'SCSI';
    return {
      spec,
      before: known,
      deviceType,
      adapterType: stringAt(address, 'adapter_type') ?? known?.adapterType ?? fallback,
      deviceIndex: numberAt(address, 'device_index') ?? known?.deviceIndex,
    };
  });
  const taken = new Set(wishes.filter((wish) => wish.deviceIndex !== undefined).map(slot));
  return wishes.map((wish) => {
    wish.deviceIndex ??= freeIndex(wish.adapterType, taken);
    taken.add(slot(wish));
    return diskOf(site, wish, wish.deviceIndex, clusterUuid);
  });
}

const slot = (wish: Wish): string => `${wish.adapterType}:${wish.deviceIndex}`;

function freeIndex(adapterType: string, taken: ReadonlySet<string>): number {
  const slots = SLOTS[adapterType] ?? 0;
  for (let index = 0; index < slots; index++) if (!taken.has(`${adapterType}:${index}`)) return index;
  throw new TaskFailure(`INVALID_ARGUMENT: No free device index on adapter ${adapterType}`);
}

function diskOf(site: Datacenter, wish: Wish, deviceIndex: number, clusterUuid: string): DiskRecord {
  const { spec, before, deviceType, adapterType } = wish;
  const reference = objectAt(spec, 'data_source_reference');
  const sourceUuid = stringAt(reference, 'uuid');
  const source =
    sourceUuid === undefined ? undefined : { kind: stringAt(reference, 'kind') ?? 'image', uuid: sourceUuid };
  const container = stringAt(objectAt(objectAt(spec, 'storage_config'), 'storage_container_reference'), 'uuid');
  const volumeGroupUuid = stringAt(objectAt(spec, 'volume_group_reference'), 'uuid');
  const shared = {
    uuid: before?.uuid ?? newUuid(),
    deviceType,
    adapterType,
    deviceIndex,
    ...optional('flashMode', stringAt(objectAt(spec, 'storage_config'), 'flash_mode')),
  };
  if (deviceType === 'VOLUME_GROUP') {
    if (volumeGroupUuid === undefined) throw new TaskFailure('INVALID_ARGUMENT: volume_group_reference is required');
    return { ...shared, volumeGroupUuid };
  }
  const sizeBytes = sizeOf(site, spec, before, deviceType, source);
  return {
    ...shared,
    ...optional('sizeBytes', sizeBytes),
    ...optional('source', source),
    ...(sizeBytes === undefined
      ? {}
      : optional('containerUuid', container ?? before?.containerUuid ?? site.defaultContainer(clusterUuid)?.uuid)),
  };
}

function sizeOf(
  site: Datacenter,
  spec: JsonObject,
  before: DiskRecord | undefined,
  deviceType: DiskRecord['deviceType'],
  source: DiskRecord['source'],
): number | undefined {
  const mebibytes = numberAt(spec, 'disk_size_mib');
  const asked = numberAt(spec, 'disk_size_bytes') ?? (mebibytes === undefined ? undefined : mebibytes * MIB);
  const sameSource = source?.uuid === before?.source?.uuid;
  if (before !== undefined && deviceType === 'DISK') {
    if (asked !== undefined && before.sizeBytes !== undefined && asked < before.sizeBytes)
      throw new TaskFailure(`INVALID_ARGUMENT: Disk ${before.uuid} cannot be made smaller`);
    return asked ?? before.sizeBytes;
  }
  if (source === undefined) {
    if (deviceType === 'CDROM') return undefined;
    // Accepted with 202 and failed by the task with a 500 class error, as reported for containers without a size (ANS #385).
    if (asked === undefined) throw new TaskFailure('INTERNAL_ERROR: Internal Server Error', { code: '500' });
    return asked;
  }
  if (before?.sizeBytes !== undefined && sameSource) return before.sizeBytes;
  const sourceBytes = sourceSize(site, source);
  if (deviceType === 'DISK' && asked !== undefined && asked < sourceBytes)
    throw new TaskFailure(
      `INVALID_ARGUMENT: Disk size ${asked} is below the ${sourceBytes} bytes of its source ${source.uuid}`,
    );
  return deviceType === 'CDROM' ? sourceBytes : (asked ?? sourceBytes);
}

function sourceSize(site: Datacenter, source: { kind: string; uuid: string }): number {
  if (source.kind === 'image') {
    const image = site.store.get('image', source.uuid);
    if (image === undefined)
      throw new TaskFailure(`INVALID_ARGUMENT: Image ${source.uuid} not found`, {
        v4Code: 'VMM-31201',
        v4Group: 'IMAGE_NOT_FOUND',
      });
    if (image.sizeBytes === undefined)
      throw new TaskFailure(`INVALID_ARGUMENT: Image ${source.uuid} is not in active state`);
    return image.sizeBytes;
  }
  for (const vm of site.store.all('vm')) {
    const disk = vm.config.disks.find(({ uuid }) => uuid === source.uuid);
    if (disk?.sizeBytes !== undefined) return disk.sizeBytes;
  }
  for (const point of site.store.all('recoveryPoint')) {
    const disk = point.vm.config.disks.find(({ uuid }) => uuid === source.uuid);
    if (disk?.sizeBytes !== undefined) return disk.sizeBytes;
  }
  throw new TaskFailure(`INVALID_ARGUMENT: Disk ${source.uuid} not found`);
}
