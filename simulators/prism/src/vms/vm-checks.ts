import { numberAt, objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { VmRecord } from '../state/records.ts';
import { MIB } from './disk-list.ts';
import { Refusal } from './refusal.ts';

/** Rules between the fields of a VM spec, which a schema cannot hold. @throws Refusal `invalid` */
export function checkVmSpec(spec: JsonObject, uuid = ''): void {
  const resources = objectAt(spec, 'resources');
  const refuse = (message: string): never => {
    throw new Refusal('invalid', 'vm', uuid, message);
  };
  const machineType = stringAt(resources, 'machine_type') ?? 'PC';
  const bootType = stringAt(objectAt(resources, 'boot_config'), 'boot_type');
  if (bootType === 'SECURE_BOOT' && machineType !== 'Q35') refuse('Secure boot requires machine type Q35.');
  const customization = objectAt(resources, 'guest_customization');
  if (customization['cloud_init'] !== undefined && customization['sysprep'] !== undefined)
    refuse('Only one of sysprep or cloud_init can be provided.');
  const slots = new Set<string>();
  for (const disk of objectsAt(resources, 'disk_list')) {
    const address = objectAt(objectAt(disk, 'device_properties'), 'disk_address');
    const adapter = stringAt(address, 'adapter_type');
    if (adapter === 'IDE' && machineType === 'Q35') refuse('Machine type Q35 does not support IDE disks.');
    const slot = `${adapter}:${numberAt(address, 'device_index')}`;
    if (adapter !== undefined && slots.has(slot)) refuse(`Duplicate disk address ${slot}.`);
    slots.add(slot);
    const bytes = numberAt(disk, 'disk_size_bytes');
    const mebibytes = numberAt(disk, 'disk_size_mib');
    if (bytes !== undefined && mebibytes !== undefined && Math.ceil(bytes / MIB) !== mebibytes)
      refuse('disk_size_mib must match disk_size_bytes rounded up to the nearest MiB.');
  }
}

/** What only an update must have. @throws Refusal `invalid` */
export function checkVmUpdate(spec: JsonObject, vm: VmRecord): void {
  const resources = objectAt(spec, 'resources');
  const refuse = (message: string): never => {
    throw new Refusal('invalid', 'vm', vm.uuid, message);
  };
  for (const nic of objectsAt(resources, 'nic_list')) {
    if (nic['is_connected'] === undefined) refuse('Must specify NIC is_connected during update.');
    const uuid = stringAt(nic, 'uuid');
    if (uuid !== undefined && !vm.config.nics.some((known) => known.uuid === uuid))
      refuse(`NIC ${uuid} does not exist.`);
  }
  for (const disk of objectsAt(resources, 'disk_list')) {
    const uuid = stringAt(disk, 'uuid');
    if (uuid !== undefined && !vm.config.disks.some((known) => known.uuid === uuid))
      refuse(`Disk ${uuid} does not exist.`);
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Whether all the texts that must be base64 are. */
export function customizationDecodes(spec: JsonObject): boolean {
  const customization = objectAt(objectAt(spec, 'resources'), 'guest_customization');
  const cloudInit = objectAt(customization, 'cloud_init');
  const texts = [
    stringAt(cloudInit, 'user_data'),
    stringAt(cloudInit, 'meta_data'),
    stringAt(objectAt(customization, 'sysprep'), 'unattend_xml'),
  ];
  return texts.every((text) => text === undefined || BASE64.test(text.replace(/\s/g, '')));
}
