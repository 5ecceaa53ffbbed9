import { booleanAt, isObject, numberAt, objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { VmConfig } from '../state/records.ts';

/** The scalar part of a VM: every field that is not a device, with the defaults of a minimal create. Source: recorded GetVM, pc.2024.3. */
export function scalarConfig(resources: JsonObject): Omit<VmConfig, 'disks' | 'nics'> {
  const boot = objectAt(resources, 'boot_config');
  const mechanism = objectAt(resources, 'power_state_mechanism');
  const transition = objectAt(mechanism, 'guest_transition_config');
  const order = boot['boot_device_order_list'];
  return {
    numSockets: numberAt(resources, 'num_sockets') ?? 1,
    numVcpusPerSocket: numberAt(resources, 'num_vcpus_per_socket') ?? 1,
    numThreadsPerCore: numberAt(resources, 'num_threads_per_core') ?? 1,
    memoryMiB: numberAt(resources, 'memory_size_mib') ?? 1024,
    machineType: stringAt(resources, 'machine_type') ?? 'PC',
    timezone: stringAt(resources, 'hardware_clock_timezone') ?? 'UTC',
    ...optional('bootType', stringAt(boot, 'boot_type')),
    bootOrder: Array.isArray(order) ? order.map(String) : ['CDROM', 'DISK', 'NETWORK'],
    ...optional('bootDevice', member(boot, 'boot_device')),
    mechanism: stringAt(mechanism, 'mechanism') ?? 'HARD',
    failOnScriptFailure: booleanAt(transition, 'should_fail_on_script_failure') ?? false,
    enableScriptExec: booleanAt(transition, 'enable_script_exec') ?? false,
    vgaConsole: booleanAt(resources, 'vga_console_enabled') ?? true,
    gpuConsole: booleanAt(resources, 'gpu_console_enabled') ?? false,
    agentVm: booleanAt(resources, 'is_agent_vm') ?? false,
    hardwareVirtualization: booleanAt(resources, 'hardware_virtualization_enabled') ?? false,
    memoryOvercommit: booleanAt(resources, 'memory_overcommit_enabled') ?? false,
    vcpuHardPinned: booleanAt(resources, 'is_vcpu_hard_pinned') ?? false,
    cpuPassthrough: booleanAt(resources, 'enable_cpu_passthrough') ?? false,
    disableBranding: booleanAt(resources, 'disable_branding') ?? false,
    cpuHotplug: booleanAt(resources, 'cpu_hotplug_enabled') ?? true,
    scsiController: booleanAt(resources, 'scsi_controller_enabled') ?? true,
    vnumaNodes: numberAt(objectAt(resources, 'vnuma_config'), 'num_vnuma_nodes') ?? 0,
    vtpm: booleanAt(objectAt(resources, 'vtpm_config'), 'vtpm_enabled') ?? false,
    apc: booleanAt(objectAt(resources, 'apc_config'), 'enabled') ?? false,
    gpus: objectsAt(resources, 'gpu_list'),
    serialPorts: objectsAt(resources, 'serial_port_list'),
    ...optional('guestCustomization', member(resources, 'guest_customization')),
    ...optional('guestTools', member(resources, 'guest_tools')),
    ...optional('parent', member(resources, 'parent_reference')),
    ...optional('storage', member(resources, 'storage_config')),
    ...optional('guestOsId', stringAt(resources, 'guest_os_id')),
  };
}

export const EMPTY_CONFIG: VmConfig = { ...scalarConfig({}), disks: [], nics: [] };

function member(value: JsonObject, key: string): JsonObject | undefined {
  const found = value[key];
  return isObject(found) ? found : undefined;
}

export function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: T });
}
