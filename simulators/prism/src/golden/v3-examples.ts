import type { JsonObject } from '../json.ts';

/** Golden examples of v3; `…` lets further members be. Identifiers are invented, shapes are those of recorded answers. */

export const G1: JsonObject = {
  metadata: { use_categories_mapping: false, kind: 'vm', spec_version: 0, uuid: '' },
  api_version: '3.1',
  spec: '…',
  status: { state: 'PENDING', execution_context: { task_uuid: '' } },
};

export const G3_SPEC_RESOURCES: JsonObject = {
  num_sockets: 1,
  num_vcpus_per_socket: 1,
  num_threads_per_core: 1,
  memory_size_mib: 1024,
  power_state: 'OFF',
  power_state_mechanism: {
    mechanism: 'HARD',
    guest_transition_config: { enable_script_exec: false, should_fail_on_script_failure: false },
  },
  hardware_clock_timezone: 'UTC',
  machine_type: 'PC',
  vga_console_enabled: true,
  gpu_console_enabled: false,
  is_agent_vm: false,
  disable_branding: false,
  enable_cpu_passthrough: false,
  is_vcpu_hard_pinned: false,
  memory_overcommit_enabled: false,
  hardware_virtualization_enabled: false,
  cpu_hotplug_enabled: true,
  scsi_controller_enabled: true,
  apc_config: { enabled: false },
  vtpm_config: { vtpm_enabled: false },
  vnuma_config: { num_vnuma_nodes: 0 },
  boot_config: { boot_type: 'UEFI', boot_device_order_list: ['CDROM', 'DISK', 'NETWORK'] },
  gpu_list: [],
  serial_port_list: [],
  disk_list: [
    {
      uuid: '',
      device_properties: { device_type: 'DISK', disk_address: { adapter_type: 'SCSI', device_index: 0 } },
      disk_size_mib: 8192,
      disk_size_bytes: 8589934592,
      data_source_reference: { kind: 'image', uuid: '' },
      storage_config: {
        storage_container_reference: { kind: 'storage_container', name: 'SelfServiceContainer', uuid: '' },
      },
    },
  ],
  nic_list: [
    {
      uuid: '',
      nic_type: 'NORMAL_NIC',
      vlan_mode: 'ACCESS',
      trunked_vlan_list: [],
      num_queues: 1,
      is_connected: true,
      mac_address: '50:6b:8d:00:00:01',
      ip_endpoint_list: [{ type: 'ASSIGNED', ip: '10.0.0.50' }],
      subnet_reference: { kind: 'subnet', name: 'vlan10', uuid: '' },
    },
  ],
};

const statusResources: JsonObject = {
  ...G3_SPEC_RESOURCES,
  hypervisor_type: 'AHV',
  protection_type: 'UNPROTECTED',
  generation_uuid: '',
  bios_uuid: '',
  disk_list: (G3_SPEC_RESOURCES['disk_list'] as JsonObject[]).map((disk) => ({
    ...disk,
    is_migration_in_progress: false,
  })),
  vtpm_config: { vtpm_enabled: false, version: '' },
};

const cluster: JsonObject = { kind: 'cluster', name: 'cluster-a', uuid: '' };

export const G3: JsonObject = {
  api_version: '3.1',
  metadata: {
    kind: 'vm',
    uuid: '',
    spec_version: 0,
    entity_version: '1',
    creation_time: '2025-06-07T18:23:52Z',
    last_update_time: '2025-06-07T18:23:52Z',
    project_reference: { kind: 'project', name: '_internal', uuid: '' },
    owner_reference: { kind: 'user', name: 'admin', uuid: '' },
    categories: {},
    categories_mapping: {},
  },
  spec: { name: 'web-01', description: 'demo', cluster_reference: cluster, resources: G3_SPEC_RESOURCES },
  status: {
    name: 'web-01',
    description: 'demo',
    state: 'COMPLETE',
    execution_context: { task_uuid: [''] },
    cluster_reference: cluster,
    resources: statusResources,
  },
};

export const G4: JsonObject = {
  api_version: '3.1',
  metadata: {
    filter: '',
    kind: 'vm',
    sort_attribute: 'name',
    sort_order: 'ASCENDING',
    offset: 0,
    length: 1,
    total_matches: 1,
  },
  entities: [
    {
      status: { ...(G3['status'] as JsonObject), resources: { ...statusResources, '…': '', disk_list: [{ '…': '' }] } },
      spec: { ...(G3['spec'] as JsonObject), resources: { ...G3_SPEC_RESOURCES, disk_list: [{ '…': '' }] } },
      metadata: { ...(G3['metadata'] as JsonObject), spec_hash: '' },
    },
  ],
};

export const G5: JsonObject = {
  status: 'SUCCEEDED',
  uuid: '',
  api_version: '3.1',
  operation_type: 'create_vm_intentful',
  progress_message: 'create_vm_intentful',
  percentage_complete: 100,
  logical_timestamp: 2,
  entity_reference_list: [{ kind: 'vm', uuid: '' }],
  subtask_reference_list: [],
  cluster_reference: { kind: 'cluster', uuid: '' },
  creation_time: '2025-06-07T18:23:49Z',
  creation_time_usecs: 1749320629704626,
  start_time: '2025-06-07T18:23:49Z',
  start_time_usecs: 1749320629893419,
  completion_time: '2025-06-07T18:23:53Z',
  completion_time_usecs: 1749320633745465,
  last_update_time: '2025-06-07T18:23:53Z',
};

export const G7: JsonObject = {
  status: { state: 'DELETE_PENDING', execution_context: { task_uuid: '' } },
  spec: '',
  api_version: '3.1',
  metadata: { kind: 'vm', categories: {} },
};

export const G11: JsonObject = {
  api_version: '3.1',
  code: 409,
  kind: 'vm',
  state: 'ERROR',
  message_list: [{ message: 'Edit conflict: please retry change.', reason: 'CONCURRENT_REQUESTS_NOT_ALLOWED' }],
};

export const G12: JsonObject = {
  api_version: '3.1',
  code: 404,
  kind: 'vm',
  message_list: [{ message: 'vm : aaaaaaaa-0009-4000-8000-000000000009 does not exist.', reason: 'ENTITY_NOT_FOUND' }],
  state: 'ERROR',
};

export const G13: JsonObject = {
  state: 'ERROR',
  code: 401,
  message_list: [
    {
      reason: 'AUTHENTICATION_REQUIRED',
      message: 'Authentication required.',
      details: 'Basic realm="Intent Gateway Login Required"',
    },
  ],
  api_version: '3.1',
};

export const G14: JsonObject = {
  api_version: '3.1',
  code: 422,
  kind: 'vm',
  state: 'ERROR',
  message_list: [
    {
      message: 'Request could not be processed.',
      reason: 'INVALID_REQUEST',
      details: { '': ["'metadata' is a required property"] },
    },
  ],
};

export const G21: JsonObject = {
  entity_type: 'mh_vm',
  filtered_entity_count: 51,
  filtered_group_count: 1,
  total_entity_count: 52,
  total_group_count: 1,
  group_results: [
    {
      group_by_column_value: '',
      group_summaries: {},
      total_entity_count: 51,
      entity_results: [
        {
          entity_id: '',
          data: [{ data_type: 'string', name: 'vm_name', values: [{ time: 1781258598687958, values: ['web-01'] }] }],
        },
      ],
    },
  ],
};

export const G23_CLUSTER: JsonObject = {
  metadata: {
    kind: 'cluster',
    uuid: '',
    spec_version: 27,
    spec_hash: '',
    categories: {},
    categories_mapping: {},
    creation_time: '',
    last_update_time: '',
  },
  spec: { name: 'cluster-a', resources: { '…': '' } },
  status: {
    name: 'cluster-a',
    state: 'COMPLETE',
    resources: {
      config: {
        service_list: ['AOS'],
        software_map: { NOS: { software_type: 'NOS', version: '7.0', status: 'INSTALLED' }, '…': '' },
        is_available: true,
        cluster_arch: 'X86_64',
        timezone: 'UTC',
        redundancy_factor: 2,
        operation_mode: 'NORMAL',
        '…': '',
      },
      nodes: { hypervisor_server_list: [{ ip: '10.0.0.11', type: 'AHV', version: '' }] },
      network: { external_ip: '', external_data_services_ip: '', internal_subnet: '', '…': '' },
    },
  },
};

export const G23_SUBNET: JsonObject = {
  metadata: { kind: 'subnet', uuid: '', spec_version: 4, '…': '' },
  spec: { '…': '' },
  status: {
    name: 'vlan10',
    state: 'COMPLETE',
    execution_context: { task_uuid: [''] },
    cluster_reference: { kind: 'cluster', name: '', uuid: '' },
    resources: {
      subnet_type: 'VLAN',
      vlan_id: 10,
      vswitch_name: 'br0',
      virtual_switch_uuid: '',
      ip_config: {
        subnet_ip: '',
        prefix_length: 24,
        default_gateway_ip: '',
        pool_list: [{ range: '' }],
        dhcp_options: { domain_name_server_list: [''], '…': '' },
        dhcp_server_address: { ip: '' },
      },
      ip_usage_stats: {
        num_macs: 36,
        num_free_ips: 160,
        num_assigned_ips: 41,
        ip_pools_stats: [{ range: '', num_free_ips: 160, num_total_ips: 201 }],
      },
    },
  },
};

export const G24: JsonObject = {
  entity_reference: { kind: 'vm', uuid: '' },
  event_type: 'VM.ON',
  version: '1.0',
  data: {
    metadata: {
      api_version: '3.1',
      metadata: { kind: 'vm', uuid: '', '…': '' },
      spec: { name: '', '…': '' },
      status: { state: '', '…': '' },
    },
  },
};
