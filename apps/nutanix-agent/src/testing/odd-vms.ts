import { isObject, objectAt, type JsonObject } from '../client/json.ts';
import { goldenVm } from './golden.ts';

const uuid = (index: number): string => `${String(index).padStart(8, '0')}-1111-4111-8111-111111111111`;

/** A golden VM with these members put over it. */
export function disguised(look: JsonObject): JsonObject {
  const merged = (shown: JsonObject, over: JsonObject): JsonObject => {
    const members = Object.entries(over).map(([key, member]) => {
      const below = shown[key];
      return [key, isObject(below) && isObject(member) ? merged(below, member) : member];
    });
    return { ...shown, ...(Object.fromEntries(members) as JsonObject) };
  };
  return merged(goldenVm(), look);
}

const both = (resources: JsonObject): JsonObject => ({ spec: { resources }, status: { resources } });

/** VMs as they were met in the field, each odd in a way of its own. */
export const oddVms = (): Record<string, JsonObject> => ({
  'with threads': disguised(both({ num_sockets: 2, num_vcpus_per_socket: 2, num_threads_per_core: 2 })),
  'with null for lists': disguised({
    status: {
      resources: {
        nic_list: null,
        disk_list: null,
        gpu_list: [{ vendor: 'NVIDIA', mode: 'PASSTHROUGH_GRAPHICS', device_id: 8757, name: 'Tesla_T4', uuid: null }],
        host_reference: null,
        parent_reference: null,
        boot_config: null,
        guest_tools: null,
      },
    },
    metadata: {
      categories: null,
      categories_mapping: null,
      owner_reference: null,
      project_reference: null,
      creation_time: null,
    },
  }),
  'with null everywhere': disguised({
    ...both({
      nic_list: null,
      disk_list: null,
      gpu_list: null,
      boot_config: null,
      guest_tools: null,
      num_sockets: null,
    }),
    metadata: { categories: null, categories_mapping: null, creation_time: null, owner_reference: null },
  }),
  'that is suspended': disguised({ status: { resources: { power_state: 'SUSPENDED' } } }),
  'in no state that is known': disguised({ status: { resources: { power_state: 'UNKNOWN' } } }),
  'with odd interfaces': disguised(
    both({
      nic_list: [
        {
          uuid: uuid(1),
          mac_address: '50:6B:8D:AA:00:01',
          ip_endpoint_list: null,
          subnet_reference: null,
          is_connected: false,
        },
        {
          uuid: uuid(2),
          mac_address: '50-6b-8d-aa-00-02',
          ip_endpoint_list: [
            { type: 'LEARNED' },
            { ip: '169.254.10.10', type: 'LEARNED' },
            { ip: '10.20.0.5', type: 'ASSIGNED' },
            { ip: '10.20.0.5', type: 'LEARNED' },
            { ip: '2001:db8::5', type: 'LEARNED' },
            { ip: 'feb0::1', type: 'LEARNED' },
          ],
        },
        null,
      ],
    }),
  ),
  'with odd disks': disguised(
    both({
      disk_list: [
        {
          uuid: uuid(3),
          device_properties: { device_type: 'DISK', disk_address: { adapter_type: 'SCSI', device_index: 0 } },
          disk_size_bytes: 1_073_741_824,
        },
        {
          volume_group_reference: { kind: 'volume_group', uuid: '31111111-1111-4111-8111-111111111111' },
          device_properties: { device_type: 'VOLUME_GROUP', disk_address: { adapter_type: 'SCSI', device_index: 1 } },
          disk_size_bytes: null,
        },
        {
          uuid: uuid(4),
          device_properties: { device_type: 'CDROM', disk_address: { adapter_type: 'IDE', device_index: 0 } },
        },
        { uuid: uuid(5), device_properties: null, disk_size_bytes: null },
        {
          uuid: uuid(6),
          device_properties: { device_type: 'DISK', disk_address: { adapter_type: 'SCSI', device_index: 0 } },
          disk_size_bytes: 0,
        },
        { device_properties: { device_type: 'DISK' }, disk_size_mib: 7 },
      ],
    }),
  ),
  'that could not be made': disguised({
    status: {
      state: 'ERROR',
      message_list: [{ message: 'InternalException', reason: 'INTERNAL_ERROR' }],
      resources: {},
    },
  }),
  'with everything': disguised({
    ...both({
      machine_type: 'Q35',
      boot_config: { boot_type: 'SECURE_BOOT', boot_device: { mac_address: '50:6b:8d:00:00:01' } },
      vtpm_config: { vtpm_enabled: true },
      gpu_list: [{ vendor: 'NVIDIA', mode: 'VIRTUAL', device_id: 44 }],
      serial_port_list: [{ index: 0, is_connected: true }],
      guest_customization: { cloud_init: { user_data: 'I2Nsb3VkLWNvbmZpZw==' }, is_overridable: false },
      guest_tools: { nutanix_guest_tools: { state: 'ENABLED', is_reachable: true } },
      x_of_a_later_release: { deep: [{ a: 1 }, 'b'] },
    }),
    metadata: {
      categories: { Environment: 'Production' },
      categories_mapping: { Environment: ['Dev', 'Production'] },
      x_unknown: { a: [1] },
    },
  }),
});

/** A VM that is odd by chance; the same for the same seed. */
export function randomVm(seed: number): JsonObject {
  const next = randomNumbers(seed);
  const some = (most: number) => Math.floor(next() * (most + 1));
  const pick = <const Items extends readonly unknown[]>(...items: Items): Items[number] =>
    items[some(items.length - 1)];
  const oddly = (value: unknown): unknown => pick(value, value, value, null, undefined);
  const list = (most: number, make: (index: number) => unknown) =>
    pick(
      Array.from({ length: some(most) }, (_, index) => oddly(make(index)) ?? null),
      null,
    );
  const disk = (index: number) => ({
    uuid: oddly(uuid(100 + index)),
    ...(index === 0 ? { volume_group_reference: oddly({ kind: 'volume_group', uuid: uuid(31_111_111) }) } : {}),
    device_properties: oddly({
      device_type: pick('DISK', 'DISK', 'CDROM', 'VOLUME_GROUP'),
      disk_address: oddly({ adapter_type: pick('SCSI', 'IDE', 'PCI', 'SATA'), device_index: some(2) }),
    }),
    disk_size_bytes: oddly(pick(0, 1, 512, 2 ** 30, 2 ** 30 + 513, 2 ** 80, '7')),
    data_source_reference: oddly({ kind: 'image', uuid: uuid(7) }),
    [`x_${some(3)}`]: oddly(some(9)),
  });
  const nic = (index: number) => ({
    uuid: oddly(uuid(200 + index)),
    mac_address: oddly(pick(`50:6B:8D:00:0${index}:0${some(9)}`, `506b8d000${index}0${some(9)}`, '', 'none', 7)),
    is_connected: oddly(pick(true, false)),
    subnet_reference: oddly({ kind: 'subnet', uuid: uuid(8) }),
    ip_endpoint_list: list(3, () => ({
      ip: oddly(pick('10.0.0.9', '10.0.0.9/24', '2001:DB8::0007', '169.254.0.1', 'FE80::2', '::1', '', 'none')),
      type: pick('ASSIGNED', 'LEARNED'),
    })),
    vlan_mode: oddly('TRUNKED'),
    trunked_vlan_list: oddly([1, 2]),
    [`x_${some(3)}`]: oddly({ y: some(9) }),
  });
  const resources = (): JsonObject => ({
    ...Object.fromEntries(
      Object.entries(objectAt(objectAt(goldenVm(), 'spec'), 'resources')).map(([key, value]) => [key, oddly(value)]),
    ),
    num_sockets: oddly(pick(1, 2, 0, -1, 1.5, 2 ** 60, 'two')),
    num_threads_per_core: oddly(pick(1, 2)),
    disk_list: list(5, disk),
    nic_list: list(4, nic),
    serial_port_list: list(2, (index) => ({ index, is_connected: pick(true, false) })),
    x_of_a_later_release: oddly({ deep: list(2, () => ({ z: some(9) })) }),
  });
  const shown = resources();
  const categories = Array.from({ length: some(3) }, (_, index) => `Key${index}`);
  return disguised({
    spec: { name: 'odd', resources: shown, x_unknown: oddly([some(9)]) },
    status: {
      name: oddly('odd'),
      state: pick('COMPLETE', 'ERROR'),
      resources: pick(shown, structuredClone(shown), resources(), null),
    },
    metadata: {
      categories: Object.fromEntries(categories.map((key) => [key, 'a'])),
      categories_mapping: oddly(
        Object.fromEntries(categories.map((key) => [key, pick(['a'], ['b', 'a'], ['a', 'c'])])),
      ),
      creation_time: pick('2025-06-07T18:23:52Z', '+275760-01-01T00:00:00Z', null, 'yesterday', 5),
      x_unknown: oddly({ a: some(9) }),
    },
  });
}

/** Numbers from 0 to 1 that a seed repeats. */
function randomNumbers(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
