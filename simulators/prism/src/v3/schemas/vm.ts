import {
  anyReference,
  boolean,
  dateTime,
  integer,
  ipv4,
  list,
  mac,
  mapOf,
  object,
  oneOf,
  reference,
  string,
  uuid,
} from '../schema.ts';
import { intent } from './metadata.ts';

const diskAddress = object(
  {},
  { device_index: integer(0), adapter_type: oneOf('SCSI', 'IDE', 'PCI', 'SATA', 'SPAPR') },
);

const disk = object({
  uuid,
  device_properties: object({ device_type: oneOf('DISK', 'CDROM', 'VOLUME_GROUP'), disk_address: diskAddress }),
  disk_size_mib: integer(1),
  disk_size_bytes: integer(1),
  data_source_reference: anyReference,
  volume_group_reference: anyReference,
  storage_config: object({ flash_mode: oneOf('ENABLED', 'DISABLED'), storage_container_reference: anyReference }),
});

export const nic = object({
  uuid,
  nic_type: oneOf('NORMAL_NIC', 'DIRECT_NIC', 'NETWORK_FUNCTION_NIC', 'SPAN_DESTINATION_NIC'),
  ip_endpoint_list: list(
    object({
      ip: ipv4,
      type: oneOf('ASSIGNED', 'LEARNED'),
      ip_type: oneOf('DHCP', 'STATIC'),
      prefix_length: integer(0, 32),
      gateway_address_list: list(ipv4),
    }),
  ),
  num_queues: integer(1),
  secondary_ip_address_list: list(ipv4, 100),
  network_function_nic_type: oneOf('INGRESS', 'EGRESS', 'TAP'),
  network_function_chain_reference: reference('network_function_chain'),
  vlan_mode: oneOf('ACCESS', 'TRUNKED'),
  mac_address: mac,
  subnet_reference: reference('subnet'),
  model: oneOf('VIRTIO', 'E1000'),
  is_connected: boolean,
  trunked_vlan_list: list(integer(0, 4095)),
});

const bootConfig = object({
  boot_device_order_list: list(oneOf('CDROM', 'DISK', 'NETWORK')),
  boot_device: object({ disk_address: diskAddress, mac_address: mac }),
  data_source_reference: anyReference,
  boot_type: oneOf('LEGACY', 'UEFI', 'SECURE_BOOT'),
});

const guestCustomization = object({
  cloud_init: object({ meta_data: string(32000), user_data: string(128000), custom_key_values: mapOf(string()) }),
  is_overridable: boolean,
  sysprep: object({
    install_type: oneOf('FRESH', 'PREPARED'),
    unattend_xml: string(32000),
    custom_key_values: mapOf(string()),
  }),
});

const guestTools = object({
  nutanix_guest_tools: object({
    ngt_state: oneOf('INSTALLED', 'UNINSTALLED'),
    iso_mount_state: oneOf('MOUNTED', 'UNMOUNTED'),
    state: oneOf('ENABLED', 'DISABLED'),
    version: string(),
    enabled_capability_list: list(oneOf('SELF_SERVICE_RESTORE', 'VSS_SNAPSHOT')),
    credentials: object({ password: string() }, { username: string() }),
  }),
});

const vmResources = object({
  num_threads_per_core: integer(1),
  num_vcpus_per_socket: integer(1),
  num_sockets: integer(1),
  memory_size_mib: integer(1),
  is_agent_vm: boolean,
  hardware_virtualization_enabled: boolean,
  boot_config: bootConfig,
  disk_list: list(disk),
  nic_list: list(nic),
  serial_port_list: list(object({ index: integer(0), is_connected: boolean })),
  gpu_list: list(
    object({
      vendor: oneOf('NVIDIA', 'INTEL', 'AMD'),
      mode: oneOf('PASSTHROUGH_GRAPHICS', 'PASSTHROUGH_COMPUTE', 'VIRTUAL'),
      device_id: integer(),
    }),
  ),
  generation_uuid: uuid,
  bios_uuid: uuid,
  is_vcpu_hard_pinned: boolean,
  power_state: oneOf('ON', 'OFF'),
  apc_config: object({ enabled: boolean, cpu_model_reference: anyReference }),
  storage_config: object({
    qos_policy: object({}, { throttled_iops: integer() }),
    flash_mode: oneOf('ENABLED', 'DISABLED'),
  }),
  machine_type: oneOf('PC', 'PSERIES', 'Q35'),
  hardware_clock_timezone: string(64),
  guest_customization: guestCustomization,
  power_state_mechanism: object({
    mechanism: oneOf('ACPI', 'GUEST', 'HARD'),
    guest_transition_config: object({ should_fail_on_script_failure: boolean, enable_script_exec: boolean }),
  }),
  vga_console_enabled: boolean,
  gpu_console_enabled: boolean,
  memory_overcommit_enabled: boolean,
  vnuma_config: object({ num_vnuma_nodes: integer(0) }),
  guest_os_id: string(64),
  vtpm_config: object({ vtpm_enabled: boolean, data_source_reference: anyReference, vtpm_secret: string() }),
  guest_tools: guestTools,
  enable_cpu_passthrough: boolean,
  parent_reference: anyReference,
  disable_branding: boolean,
  // Not in the published schema, but in every recorded spec, and clients send back what they read.
  cpu_hotplug_enabled: boolean,
  scsi_controller_enabled: boolean,
});

export const vmIntent = intent(
  'vm',
  object(
    {
      description: string(1000),
      availability_zone_reference: reference('availability_zone'),
      cluster_reference: reference('cluster'),
    },
    { name: string(256), resources: vmResources },
  ),
);

export const cloneRequest = object({
  metadata: object({ uuid, entity_version: string() }),
  override_spec: object({
    name: string(80),
    num_sockets: integer(1),
    num_vcpus_per_socket: integer(1),
    num_threads_per_core: integer(1),
    memory_size_mib: integer(1),
    nic_list: list(nic),
    boot_config: bootConfig,
    guest_customization: guestCustomization,
  }),
});

export const snapshotRequest = object({
  name: string(64),
  recovery_point_type: oneOf('CRASH_CONSISTENT', 'APPLICATION_CONSISTENT'),
  creation_time: dateTime,
  expiration_time: dateTime,
  vm_recovery_point_uuid: uuid,
});

export const revertRequest = object({}, { vm_recovery_point_uuid: uuid });
export const exportRequest = object({}, { name: string(64), disk_file_format: oneOf('QCOW2', 'VMDK') });
export const powerRequest = object({ task_uuid: uuid });
export const updateIpRequest = object({ update_list: list(object({ ip: ipv4 }, { uuid })) });
export const releaseIpRequest = object({ nic_uuid_list: list(uuid) });
export const migrateDisksRequest = object({
  disks_to_target_container_list: list(
    object({}, { disk_uuid_list: list(uuid), target_container_reference: anyReference }),
  ),
  target_container_reference: anyReference,
});
