import type { JsonObject } from '../client/json.ts';

/** A VM as `GET /vms/{uuid}` shows it, off, on a managed subnet. */
export const goldenVm = (): JsonObject => ({
  api_version: '3.1',
  metadata: {
    kind: 'vm',
    uuid: 'aaaaaaaa-0001-4000-8000-000000000001',
    spec_version: 0,
    entity_version: '1',
    creation_time: '2025-06-07T18:23:52Z',
    last_update_time: '2025-06-07T18:23:52Z',
    project_reference: { kind: 'project', name: '_internal', uuid: 'eeeeeeee-0001-4000-8000-000000000001' },
    owner_reference: { kind: 'user', name: 'admin', uuid: '00000000-0000-0000-0000-000000000000' },
    categories: {},
    categories_mapping: {},
  },
  spec: {
    name: 'web-01',
    description: 'demo',
    cluster_reference: { kind: 'cluster', name: 'cluster-a', uuid: '0006aaaa-0000-0000-0000-00000000c001' },
    resources: goldenResources(),
  },
  status: {
    name: 'web-01',
    description: 'demo',
    state: 'COMPLETE',
    execution_context: { task_uuid: ['dddddddd-0001-4000-8000-000000000001'] },
    cluster_reference: { kind: 'cluster', name: 'cluster-a', uuid: '0006aaaa-0000-0000-0000-00000000c001' },
    resources: {
      ...goldenResources(),
      hypervisor_type: 'AHV',
      protection_type: 'UNPROTECTED',
      generation_uuid: 'aaaaaaaa-0004-4000-8000-000000000001',
      bios_uuid: 'aaaaaaaa-0001-4000-8000-000000000001',
    },
  },
});

const goldenResources = (): JsonObject => ({
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
  cpu_hotplug_enabled: true,
  boot_config: { boot_type: 'UEFI', boot_device_order_list: ['CDROM', 'DISK', 'NETWORK'] },
  gpu_list: [],
  serial_port_list: [],
  disk_list: [
    {
      uuid: 'aaaaaaaa-0002-4000-8000-000000000001',
      device_properties: { device_type: 'DISK', disk_address: { adapter_type: 'SCSI', device_index: 0 } },
      disk_size_mib: 8192,
      disk_size_bytes: 8_589_934_592,
      data_source_reference: { kind: 'image', uuid: 'cccccccc-0001-4000-8000-000000000001' },
    },
  ],
  nic_list: [
    {
      uuid: 'aaaaaaaa-0003-4000-8000-000000000001',
      nic_type: 'NORMAL_NIC',
      vlan_mode: 'ACCESS',
      num_queues: 1,
      is_connected: true,
      mac_address: '50:6B:8D:00:00:01',
      ip_endpoint_list: [{ type: 'ASSIGNED', ip: '10.0.0.50' }],
      subnet_reference: { kind: 'subnet', name: 'vlan10', uuid: 'bbbbbbbb-0001-4000-8000-000000000001' },
    },
  ],
});

/** A task that has ended well. */
export const goldenTask = (): JsonObject => ({
  status: 'SUCCEEDED',
  uuid: 'dddddddd-0001-4000-8000-000000000001',
  api_version: '3.1',
  operation_type: 'create_vm_intentful',
  progress_message: 'create_vm_intentful',
  percentage_complete: 100,
  logical_timestamp: 2,
  entity_reference_list: [{ kind: 'vm', uuid: 'aaaaaaaa-0001-4000-8000-000000000001' }],
  subtask_reference_list: [],
  creation_time: '2025-06-07T18:23:49Z',
  completion_time: '2025-06-07T18:23:53Z',
  last_update_time: '2025-06-07T18:23:53Z',
});

/** Refusals in the words of Prism. */
export const goldenRefusals = {
  conflict: {
    api_version: '3.1',
    code: 409,
    kind: 'vm',
    state: 'ERROR',
    message_list: [{ message: 'Edit conflict: please retry change.', reason: 'CONCURRENT_REQUESTS_NOT_ALLOWED' }],
  },
  notFound: {
    api_version: '3.1',
    code: 404,
    kind: 'vm',
    message_list: [
      { message: 'vm : aaaaaaaa-0009-4000-8000-000000000009 does not exist.', reason: 'ENTITY_NOT_FOUND' },
    ],
    state: 'ERROR',
  },
  unauthenticated: {
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
  },
  validation: {
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
  },
  v4NotFound: {
    data: {
      $objectType: 'vmm.v4.error.ErrorResponse',
      error: [{ message: 'Not there.', severity: 'ERROR', code: 'VMM-30100', errorGroup: 'VM_NOT_FOUND' }],
    },
  },
} as const;
