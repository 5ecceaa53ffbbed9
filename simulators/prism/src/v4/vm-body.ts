import { booleanAt, compact, isObject, numberAt, objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { MIB } from '../vms/disk-list.ts';
import { Refusal } from '../vms/refusal.ts';
import { V4Error } from './errors.ts';
import { categoryId, extIdAt } from './vm-view.ts';

/** The `spec` of v3 that a v4 VM body comes to, so that both APIs share one way of building VMs. @throws V4Error VMM-30102 */
export function specOfBody(body: JsonObject): JsonObject {
  for (const name of ['numSockets', 'numCoresPerSocket', 'numThreadsPerCore'])
    if ((numberAt(body, name) ?? 1) < 1) throw invalidArgument(name, String(body[name]));
  const cluster = extIdAt(body, 'cluster');
  return compact({
    name: stringAt(body, 'name'),
    description: stringAt(body, 'description'),
    cluster_reference: cluster === undefined ? undefined : { kind: 'cluster', uuid: cluster },
    resources: {
      ...scalarsOfBody(body),
      disk_list: [...objectsAt(body, 'disks').map(diskSpec), ...objectsAt(body, 'cdRoms').map(cdRomSpec)],
      nic_list: objectsAt(body, 'nics').map(nicSpec),
      serial_port_list: objectsAt(body, 'serialPorts').map((port) =>
        compact({ index: numberAt(port, 'index'), is_connected: booleanAt(port, 'isConnected') }),
      ),
    },
  });
}

export const invalidArgument = (key: string, value: string): V4Error =>
  new V4Error(
    400,
    'VMM-30102',
    'VM_INVALID_ARGUMENT',
    `Failed to perform the operation on the VM, due to an invalid argument with key '${key}' and value '${value}'.`,
    { argument_key: key, argument_value: value },
  );

function scalarsOfBody(body: JsonObject): JsonObject {
  const memory = numberAt(body, 'memorySizeBytes');
  const branding = booleanAt(body, 'isBrandingEnabled');
  const vtpm = booleanAt(objectAt(body, 'vtpmConfig'), 'isVtpmEnabled');
  const apc = booleanAt(objectAt(body, 'apcConfig'), 'isApcEnabled');
  const numa = numberAt(body, 'numNumaNodes');
  return compact({
    num_sockets: numberAt(body, 'numSockets'),
    num_vcpus_per_socket: numberAt(body, 'numCoresPerSocket'),
    num_threads_per_core: numberAt(body, 'numThreadsPerCore'),
    memory_size_mib: memory === undefined ? undefined : Math.floor(memory / MIB),
    machine_type: stringAt(body, 'machineType'),
    hardware_clock_timezone: stringAt(body, 'hardwareClockTimezone'),
    is_vcpu_hard_pinned: booleanAt(body, 'isVcpuHardPinningEnabled'),
    enable_cpu_passthrough: booleanAt(body, 'isCpuPassthroughEnabled'),
    memory_overcommit_enabled: booleanAt(body, 'isMemoryOvercommitEnabled'),
    gpu_console_enabled: booleanAt(body, 'isGpuConsoleEnabled'),
    cpu_hotplug_enabled: booleanAt(body, 'isCpuHotplugEnabled'),
    scsi_controller_enabled: booleanAt(body, 'isScsiControllerEnabled'),
    vga_console_enabled: booleanAt(body, 'isVgaConsoleEnabled'),
    is_agent_vm: booleanAt(body, 'isAgentVm'),
    disable_branding: branding === undefined ? undefined : !branding,
    vtpm_config: vtpm === undefined ? undefined : { vtpm_enabled: vtpm },
    apc_config: apc === undefined ? undefined : { enabled: apc },
    vnuma_config: numa === undefined ? undefined : { num_vnuma_nodes: numa },
    boot_config: isObject(body['bootConfig']) ? bootSpec(objectAt(body, 'bootConfig')) : undefined,
    guest_customization: isObject(body['guestCustomization'])
      ? customizationSpec(objectAt(body, 'guestCustomization'))
      : undefined,
  });
}

function bootSpec(boot: JsonObject): JsonObject {
  const uefi = (stringAt(boot, '$objectType') ?? '').endsWith('UefiBoot') || boot['isSecureBootEnabled'] !== undefined;
  const type = uefi ? (booleanAt(boot, 'isSecureBootEnabled') === true ? 'SECURE_BOOT' : 'UEFI') : 'LEGACY';
  return compact({ boot_type: type, boot_device_order_list: boot['bootOrder'] });
}

export function customizationSpec(customization: JsonObject): JsonObject {
  const config = objectAt(customization, 'config');
  if (config['sysprepScript'] !== undefined || config['installType'] !== undefined)
    return {
      sysprep: compact({
        install_type: stringAt(config, 'installType'),
        unattend_xml: stringAt(objectAt(config, 'sysprepScript'), 'value'),
      }),
    };
  return {
    cloud_init: compact({
      user_data: stringAt(objectAt(config, 'cloudInitScript'), 'value'),
      meta_data: stringAt(config, 'metadata'),
    }),
  };
}

function backingSpec(backing: JsonObject): JsonObject {
  const reference = objectAt(objectAt(backing, 'dataSource'), 'reference');
  const image = stringAt(reference, 'imageExtId');
  const source = stringAt(reference, 'diskExtId');
  const container = extIdAt(backing, 'storageContainer');
  return compact({
    disk_size_bytes: numberAt(backing, 'diskSizeBytes'),
    data_source_reference:
      image !== undefined
        ? { kind: 'image', uuid: image }
        : source !== undefined
          ? { kind: 'vm_disk', uuid: source }
          : undefined,
    storage_config:
      container === undefined
        ? undefined
        : { storage_container_reference: { kind: 'storage_container', uuid: container } },
  });
}

function addressSpec(disk: JsonObject): JsonObject {
  const address = objectAt(disk, 'diskAddress');
  const bus = stringAt(address, 'busType');
  if (bus === undefined) return {};
  return { disk_address: compact({ adapter_type: bus, device_index: numberAt(address, 'index') }) };
}

export function diskSpec(disk: JsonObject): JsonObject {
  const backing = objectAt(disk, 'backingInfo');
  const volumeGroup = stringAt(backing, 'volumeGroupExtId');
  if (volumeGroup !== undefined)
    return {
      device_properties: { device_type: 'VOLUME_GROUP', ...addressSpec(disk) },
      volume_group_reference: { kind: 'volume_group', uuid: volumeGroup },
    };
  return { device_properties: { device_type: 'DISK', ...addressSpec(disk) }, ...backingSpec(backing) };
}

export const cdRomSpec = (cdRom: JsonObject): JsonObject => ({
  device_properties: { device_type: 'CDROM', ...addressSpec(cdRom) },
  ...backingSpec(objectAt(cdRom, 'backingInfo')),
});

/** The source of a CD-ROM alone, for insert. */
export const mediaSpec = (backing: JsonObject): JsonObject => backingSpec(backing);

export function nicSpec(nic: JsonObject): JsonObject {
  const network = isObject(nic['nicNetworkInfo']) ? objectAt(nic, 'nicNetworkInfo') : objectAt(nic, 'networkInfo');
  const backing = isObject(nic['nicBackingInfo']) ? objectAt(nic, 'nicBackingInfo') : objectAt(nic, 'backingInfo');
  const subnet = extIdAt(network, 'subnet');
  const ip = stringAt(objectAt(objectAt(network, 'ipv4Config'), 'ipAddress'), 'value');
  return compact({
    nic_type: stringAt(network, 'nicType'),
    subnet_reference: subnet === undefined ? undefined : { kind: 'subnet', uuid: subnet },
    vlan_mode: stringAt(network, 'vlanMode') === 'TRUNK' ? 'TRUNKED' : undefined,
    trunked_vlan_list: network['trunkedVlans'],
    ip_endpoint_list: ip === undefined ? undefined : [{ ip, type: 'ASSIGNED' }],
    mac_address: stringAt(backing, 'macAddress'),
    model: stringAt(backing, 'model'),
    is_connected: booleanAt(backing, 'isConnected'),
    num_queues: numberAt(backing, 'numQueues'),
  });
}

/** Categories of v4 are single ids; records hold keys and values. @throws Refusal `unknownReference` */
export function categoriesById(prism: Prism, ids: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const id of ids) {
    const category = prism.store
      .all('category')
      .find(({ key, value }) => value !== undefined && categoryId(key, value) === id);
    if (category?.value === undefined)
      throw new Refusal('unknownReference', 'category', id, `category : ${id} does not exist.`);
    (found[category.key] ??= []).push(category.value);
  }
  return found;
}

export const idsOf = (body: JsonObject, key: string): string[] =>
  objectsAt(body, key).flatMap((reference) => stringAt(reference, 'extId') ?? []);

export function cloneOverride(body: JsonObject): JsonObject {
  const memory = numberAt(body, 'memorySizeBytes');
  return compact({
    name: stringAt(body, 'name'),
    num_sockets: numberAt(body, 'numSockets'),
    num_vcpus_per_socket: numberAt(body, 'numCoresPerSocket'),
    num_threads_per_core: numberAt(body, 'numThreadsPerCore'),
    memory_size_mib: memory === undefined ? undefined : Math.floor(memory / MIB),
    nic_list: Array.isArray(body['nics']) ? objectsAt(body, 'nics').map(nicSpec) : undefined,
    boot_config: isObject(body['bootConfig']) ? bootSpec(objectAt(body, 'bootConfig')) : undefined,
    guest_customization: isObject(body['guestCustomization'])
      ? customizationSpec(objectAt(body, 'guestCustomization'))
      : undefined,
  });
}
