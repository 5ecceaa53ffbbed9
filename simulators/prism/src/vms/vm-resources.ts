import type { JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { DiskRecord, NicRecord, VmConfig, VmRecord } from '../state/records.ts';
import { MIB } from './disk-list.ts';

/**
 * `spec.resources` of a VM, in the order of keys that Prism uses. Members may be undefined, which JSON leaves out: lists of hundreds of
 * VMs are made of these, so nothing is copied just to be tidy.
 */
export function specResources(site: Datacenter, vm: VmRecord, now = site.clock.now()): JsonObject {
  const { config } = vm;
  const hidden = (vm.addressesHiddenUntil ?? 0) > now;
  return {
    ...scalarResources(config),
    power_state: vm.power === 'OFF' ? 'OFF' : 'ON',
    disk_list: config.disks.map((disk) => diskResource(site, disk)),
    nic_list: config.nics.map((nic) => nicResource(site, nic, hidden)),
    guest_customization: site.knobs.get('v3.guestCustomizationInReads') ? config.guestCustomization : undefined,
  };
}

function scalarResources(config: VmConfig): JsonObject {
  return {
    apc_config: { enabled: config.apc },
    num_sockets: config.numSockets,
    num_vcpus_per_socket: config.numVcpusPerSocket,
    num_threads_per_core: config.numThreadsPerCore,
    memory_size_mib: config.memoryMiB,
    memory_overcommit_enabled: config.memoryOvercommit,
    gpu_console_enabled: config.gpuConsole,
    is_vcpu_hard_pinned: config.vcpuHardPinned,
    power_state_mechanism: {
      mechanism: config.mechanism,
      guest_transition_config: {
        enable_script_exec: config.enableScriptExec,
        should_fail_on_script_failure: config.failOnScriptFailure,
      },
    },
    hardware_clock_timezone: config.timezone,
    is_agent_vm: config.agentVm,
    disable_branding: config.disableBranding,
    enable_cpu_passthrough: config.cpuPassthrough,
    machine_type: config.machineType,
    hardware_virtualization_enabled: config.hardwareVirtualization,
    vtpm_config: { vtpm_enabled: config.vtpm },
    gpu_list: config.gpus,
    boot_config: {
      boot_device_order_list: config.bootOrder,
      boot_device: config.bootDevice,
      boot_type: config.bootType,
    },
    vga_console_enabled: config.vgaConsole,
    vnuma_config: { num_vnuma_nodes: config.vnumaNodes },
    serial_port_list: config.serialPorts,
    cpu_hotplug_enabled: config.cpuHotplug,
    scsi_controller_enabled: config.scsiController,
    guest_tools: config.guestTools,
    parent_reference: config.parent,
    storage_config: config.storage,
    guest_os_id: config.guestOsId,
  };
}

function diskResource(site: Datacenter, disk: DiskRecord): JsonObject {
  const container = disk.containerUuid === undefined ? undefined : site.store.get('container', disk.containerUuid);
  return {
    uuid: disk.uuid,
    device_properties: {
      disk_address: { adapter_type: disk.adapterType, device_index: disk.deviceIndex },
      device_type: disk.deviceType,
    },
    disk_size_mib: disk.sizeBytes === undefined ? undefined : Math.ceil(disk.sizeBytes / MIB),
    disk_size_bytes: disk.sizeBytes,
    data_source_reference: disk.source === undefined ? undefined : { kind: disk.source.kind, uuid: disk.source.uuid },
    volume_group_reference:
      disk.volumeGroupUuid === undefined ? undefined : { kind: 'volume_group', uuid: disk.volumeGroupUuid },
    storage_config:
      disk.containerUuid === undefined
        ? undefined
        : {
            flash_mode: disk.flashMode,
            storage_container_reference: {
              kind: 'storage_container',
              uuid: disk.containerUuid,
              name: container?.name,
            },
          },
  };
}

function nicResource(site: Datacenter, nic: NicRecord, hidden: boolean): JsonObject {
  const subnet = nic.subnetUuid === undefined ? undefined : site.store.get('subnet', nic.subnetUuid);
  return {
    uuid: nic.uuid,
    nic_type: nic.nicType,
    vlan_mode: nic.vlanMode,
    trunked_vlan_list: nic.trunkedVlans,
    num_queues: nic.queues,
    model: nic.model,
    mac_address: nic.macAddress,
    ip_endpoint_list: hidden ? [] : nic.addresses.map(({ ip, type }) => ({ type, ip })),
    secondary_ip_address_list: nic.secondaryAddresses,
    subnet_reference:
      nic.subnetUuid === undefined ? undefined : { kind: 'subnet', name: subnet?.name, uuid: nic.subnetUuid },
    is_connected: nic.connected,
  };
}

/** `status.resources`: what the spec says, and what only the hypervisor knows. */
export function statusResources(site: Datacenter, vm: VmRecord, now = site.clock.now()): JsonObject {
  const spec = specResources(site, vm, now);
  const host = vm.hostUuid === undefined ? undefined : site.store.get('host', vm.hostUuid);
  const disks = (spec['disk_list'] as JsonObject[]).map((disk) => ({ ...disk, is_migration_in_progress: false }));
  return {
    ...spec,
    power_state: vm.power,
    disk_list: disks,
    vtpm_config: { vtpm_enabled: vm.config.vtpm, version: '' },
    guest_tools: statusGuestTools(vm.config.guestTools),
    hypervisor_type: 'AHV',
    protection_type: 'UNPROTECTED',
    generation_uuid: vm.generationUuid,
    bios_uuid: vm.biosUuid,
    // The name of the host is its hypervisor's address, as recorded.
    host_reference: host === undefined ? undefined : { kind: 'host', uuid: host.uuid, name: host.ip },
  };
}

function statusGuestTools(tools: JsonObject | undefined): JsonObject | undefined {
  if (tools === undefined) return undefined;
  const ngt = tools['nutanix_guest_tools'] as JsonObject | undefined;
  return { nutanix_guest_tools: { available_version: '3.0', is_reachable: false, ...ngt } };
}
