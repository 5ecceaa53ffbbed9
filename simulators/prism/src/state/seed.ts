import { ADMIN_UUID, hash32, macFrom, stableUuid } from '../identity.ts';
import type { JsonObject } from '../json.ts';
import type {
  CategoryRecord,
  Change,
  ClusterRecord,
  EntityRecord,
  HostRecord,
  ImageRecord,
  NicRecord,
  VmConfig,
  VmRecord,
} from './records.ts';
import { scalarConfig } from '../vms/vm-defaults.ts';
import { addressPlan, nextFree, toText } from './ipam.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const DAY = 86_400_000;
const AOS = '7.3.1.3';
const AHV = 'el8.nutanix.20230302.103014';
/** Cluster ids of real sites begin like this. */
const clusterUuid = (letter: string): string => `0006aaaa-0000-0000-0000-00000000c00${letter === 'a' ? 1 : 2}`;

const SEED = {
  clusterA: clusterUuid('a'),
  clusterB: clusterUuid('b'),
  central: '0006aaaa-0000-0000-0000-0000000000cc',
  internalProject: stableUuid('project:_internal'),
  demoProject: stableUuid('project:demo'),
  managedA: stableUuid('subnet:vlan10'),
  unmanagedA: stableUuid('subnet:vlan20-unmanaged'),
  managedB: stableUuid('subnet:vlan110'),
  overlay: stableUuid('subnet:overlay-dev'),
  tinyLinux: stableUuid('image:tiny-linux'),
  ubuntu: stableUuid('image:ubuntu-24.04'),
} as const;

/** What a Prism Central has on its first day: two AHV clusters and some life on them. */
export function seedChanges(vmCount: number, now: number): Change[] {
  const start = now - 90 * DAY;
  const subnets = seedSubnets(start);
  const hosts = seedHosts(vmCount, start);
  return [
    ...seedClusters(start).map((cluster): Change => ['cluster', cluster.uuid, cluster]),
    ...hosts.map((host): Change => ['host', host.uuid, host]),
    ...['a', 'b'].map((letter): Change => {
      const uuid = containerUuid(clusterUuid(letter));
      const capacityBytes = Math.max(20, vmCount / 10) * 1024 * GIB;
      return [
        'container',
        uuid,
        { uuid, name: 'SelfServiceContainer', clusterUuid: clusterUuid(letter), capacityBytes },
      ];
    }),
    ...seedProjects(start).map((project): Change => ['project', project.uuid, project]),
    ...seedCategories().map((category): Change => ['category', category.uuid, category]),
    ...subnets.map((subnet): Change => ['subnet', subnet.uuid, subnet]),
    ...seedImages(start).map((image): Change => ['image', image.uuid, image]),
    ...seedVms(vmCount, subnets, hosts, start, now).map((vm): Change => ['vm', vm.uuid, vm]),
  ];
}

const containerUuid = (cluster: string): string => stableUuid(`container:${cluster}`);

function seedClusters(createdAt: number): ClusterRecord[] {
  const hosting = (letter: string, net: string): ClusterRecord => ({
    uuid: clusterUuid(letter),
    name: `cluster-${letter}`,
    function: 'AOS',
    externalIp: `${net}.5`,
    dataServicesIp: `${net}.6`,
    externalSubnet: `${net}.0/255.255.255.0`,
    version: AOS,
    createdAt,
    specVersion: 27,
    taskUuids: [],
  });
  return [
    hosting('a', '10.0.0'),
    hosting('b', '10.0.100'),
    // Prism Central lists itself, and older releases give it this name.
    {
      uuid: SEED.central,
      name: 'Unnamed',
      function: 'PRISM_CENTRAL',
      version: '2024.3',
      createdAt,
      specVersion: 1,
      taskUuids: [],
    },
  ];
}

/** Four hosts a cluster, or as many as the VMs need. */
function seedHosts(vmCount: number, createdAt: number): HostRecord[] {
  const each = Math.max(4, Math.ceil(vmCount / 300));
  return ['a', 'b'].flatMap((letter, c) =>
    Array.from({ length: each }, (_unused, i): HostRecord => {
      const name = `ahv-${letter}${i + 1}`;
      const net = `10.0.${c * 100 + Math.floor((i + 11) / 200)}`;
      const last = ((i + 11) % 200) + (i + 11 >= 200 ? 1 : 0);
      return {
        uuid: stableUuid(`host:${name}`),
        name,
        clusterUuid: clusterUuid(letter),
        ip: `${net}.${last}`,
        controllerVmIp: `10.0.${c * 100 + 50}.${last}`,
        ipmiIp: `10.0.${c * 100 + 60}.${last}`,
        cpuModel: 'Intel(R) Xeon(R) Gold 6442Y @ 2.60GHz',
        cpuSockets: 2,
        cpuCores: 48,
        cpuHz: 2_600_000_000,
        memoryMiB: 768 * 1024,
        blockModel: 'NX-3060-G8',
        blockSerial: `23SM${String(c * 1000 + i).padStart(6, '0')}`,
        serial: `ZM23${String(c * 1000 + i).padStart(6, '0')}`,
        hypervisorVersion: AHV,
        createdAt,
      };
    }),
  );
}

function entity(
  uuid: string,
  name: string,
  resources: JsonObject,
  createdAt: number,
  rest: Partial<EntityRecord> = {},
): EntityRecord {
  return {
    uuid,
    name,
    resources,
    categories: {},
    ownerUuid: ADMIN_UUID,
    createdAt,
    updatedAt: createdAt,
    specVersion: 1,
    state: 'COMPLETE',
    taskUuids: [stableUuid(`task:${uuid}`)],
    ...rest,
  };
}

function seedProjects(createdAt: number): EntityRecord[] {
  const resources = (subnets: string[]): JsonObject => ({
    resource_domain: { resources: [] },
    subnet_reference_list: subnets.map((uuid) => ({ kind: 'subnet', uuid })),
    cluster_reference_list: [],
    user_reference_list: [{ kind: 'user', name: 'admin', uuid: ADMIN_UUID }],
    external_user_group_reference_list: [],
    vpc_reference_list: [],
    environment_reference_list: [],
    account_reference_list: [],
  });
  return [
    entity(SEED.internalProject, '_internal', resources([]), createdAt),
    entity(SEED.demoProject, 'demo', resources([SEED.managedA, SEED.managedB]), createdAt, {
      description: 'Demonstration',
    }),
  ];
}

function seedCategories(): CategoryRecord[] {
  const values: Readonly<Record<string, readonly string[]>> = {
    Environment: ['Dev', 'Production', 'Staging', 'Testing'],
    AppType: ['Default', 'Apache_Spark', 'Kubernetes', 'MySQL'],
    AppTier: ['Default', 'Web', 'Database'],
    OSType: ['Linux', 'Windows'],
  };
  return Object.entries(values).flatMap(([key, list]) => {
    const shared = { key, system: key !== 'OSType', cardinality: 64 };
    return [{ ...shared, uuid: key }, ...list.map((value) => ({ ...shared, uuid: `${key}/${value}`, value }))];
  });
}

function managed(net: string, prefixLength: number, first: string, last: string): JsonObject {
  return {
    subnet_ip: `${net}.0`,
    prefix_length: prefixLength,
    default_gateway_ip: `${net}.1`,
    pool_list: [{ range: `${first} ${last}` }],
    dhcp_options: {
      domain_name_server_list: ['10.0.0.2'],
      domain_name: 'lab.example',
      domain_search_list: ['lab.example'],
    },
    dhcp_server_address: { ip: `${net}.254` },
  };
}

function seedSubnets(createdAt: number): EntityRecord[] {
  const vlan = (id: number, letter: string): JsonObject => ({
    subnet_type: 'VLAN',
    vlan_id: id,
    vswitch_name: 'br0',
    virtual_switch_uuid: stableUuid(`vswitch:${letter}`),
  });
  return [
    entity(
      SEED.managedA,
      'vlan10',
      { ...vlan(10, 'a'), ip_config: managed('10.10.0', 16, '10.10.0.50', '10.10.63.250') },
      createdAt,
      { clusterUuid: SEED.clusterA },
    ),
    entity(SEED.unmanagedA, 'vlan20-unmanaged', vlan(20, 'a'), createdAt, { clusterUuid: SEED.clusterA }),
    entity(
      SEED.managedB,
      'vlan110',
      { ...vlan(110, 'b'), ip_config: managed('10.110.0', 16, '10.110.0.50', '10.110.63.250') },
      createdAt,
      { clusterUuid: SEED.clusterB },
    ),
    entity(
      SEED.overlay,
      'overlay-dev',
      {
        subnet_type: 'OVERLAY',
        advanced_networking: true,
        external_connectivity_state: 'DISABLED',
        vpc_reference: { kind: 'vpc', uuid: stableUuid('vpc:dev') },
        ip_config: {
          subnet_ip: '192.168.30.0',
          prefix_length: 24,
          default_gateway_ip: '192.168.30.1',
          pool_list: [{ range: '192.168.30.2 192.168.30.254' }],
        },
      },
      createdAt,
    ),
  ];
}

function seedImages(createdAt: number): ImageRecord[] {
  const image = (uuid: string, name: string, type: string, sizeBytes: number, description: string): ImageRecord => ({
    ...entity(uuid, name, { image_type: type, architecture: 'X86_64' }, createdAt, { description }),
    sizeBytes,
    clusterUuids: [SEED.clusterA, SEED.clusterB],
  });
  return [
    image(SEED.tinyLinux, 'tiny-linux', 'DISK_IMAGE', 16 * MIB, 'A Linux of a few MB that boots in seconds'),
    image(SEED.ubuntu, 'ubuntu-24.04-cloudimg', 'DISK_IMAGE', Math.round(3.5 * GIB), 'Ubuntu 24.04 LTS cloud image'),
    image(stableUuid('image:debian-12'), 'debian-12-genericcloud', 'DISK_IMAGE', 2 * GIB, 'Debian 12 cloud image'),
    image(
      stableUuid('image:rocky-9-iso'),
      'rocky-9.5-minimal.iso',
      'ISO_IMAGE',
      Math.round(2.1 * GIB),
      'Rocky Linux 9.5 installer',
    ),
    image(stableUuid('image:virtio'), 'nutanix-virtio-1.2.4.iso', 'ISO_IMAGE', 180 * MIB, 'VirtIO drivers for Windows'),
  ];
}

const ROLES = ['web', 'db', 'app', 'cache', 'build', 'monitor', 'mail', 'k8s'] as const;

/** Machines of all sorts: two of three run, one of five is on the unmanaged subnet, sizes vary. */
function seedVms(
  count: number,
  subnets: readonly EntityRecord[],
  hosts: readonly HostRecord[],
  start: number,
  now: number,
): VmRecord[] {
  const taken = new Map<string, Set<number>>();
  return Array.from({ length: count }, (_unused, i): VmRecord => {
    const role = ROLES[i % ROLES.length]!;
    const name = `${role}-${String(Math.floor(i / ROLES.length) + 1).padStart(2, '0')}`;
    const uuid = stableUuid(`vm:${name}`);
    const seed = hash32(uuid);
    const inB = i % 3 === 2;
    const cluster = inB ? SEED.clusterB : SEED.clusterA;
    const on = i % 3 !== 1;
    const subnetUuid = inB ? SEED.managedB : i % 5 === 4 ? SEED.unmanagedA : SEED.managedA;
    const subnet = subnets.find((candidate) => candidate.uuid === subnetUuid);
    const createdAt = start + Math.floor(((now - start) * (i + 1)) / (count + 2));
    const config = seedConfig(uuid, seed, cluster, role);
    const nic = seedNic(uuid, subnet, taken, on);
    const own = hosts.filter((host) => host.clusterUuid === cluster);
    const host = own[i % own.length];
    return {
      uuid,
      name,
      description: `Demo ${role} server`,
      clusterUuid: cluster,
      projectUuid: i % 4 === 0 ? SEED.demoProject : SEED.internalProject,
      ownerUuid: ADMIN_UUID,
      categories: { Environment: [i % 2 === 0 ? 'Production' : 'Dev'] },
      createdAt,
      updatedAt: createdAt,
      specVersion: 1,
      entityVersion: 1 + (seed % 7),
      state: 'COMPLETE',
      // Every sixth was made elsewhere, so v3 knows no task of it.
      taskUuids: i % 6 === 5 ? [] : [stableUuid(`task:${uuid}`)],
      power: on ? 'ON' : 'OFF',
      ...(on && host !== undefined ? { hostUuid: host.uuid, poweredOnAt: createdAt } : {}),
      generationUuid: stableUuid(`generation:${uuid}`),
      biosUuid: uuid,
      config: { ...config, nics: [nic] },
      visibleAt: 0,
      listedAt: 0,
      consoleUuid: stableUuid(`console:${uuid}`),
    };
  });
}

function seedConfig(uuid: string, seed: number, cluster: string, role: string): VmConfig {
  const memoryMiB = [1024, 2048, 4096, 8192][seed % 4]!;
  const image = seed % 3 === 0 ? SEED.ubuntu : SEED.tinyLinux;
  const sizeBytes = (10 + 10 * (seed % 5)) * GIB;
  const disk = (index: number, bytes: number): VmConfig['disks'][number] => ({
    uuid: stableUuid(`disk:${uuid}:${index}`),
    deviceType: 'DISK',
    adapterType: 'SCSI',
    deviceIndex: index,
    sizeBytes: bytes,
    containerUuid: containerUuid(cluster),
  });
  return {
    ...scalarConfig({
      num_sockets: 1 + (seed % 4),
      memory_size_mib: memoryMiB,
      boot_config: { boot_type: seed % 2 === 0 ? 'UEFI' : 'LEGACY' },
    }),
    ...(seed % 2 === 0
      ? {
          guestTools: {
            nutanix_guest_tools: {
              state: 'ENABLED',
              ngt_state: 'INSTALLED',
              version: '3.0',
              enabled_capability_list: ['VSS_SNAPSHOT'],
            },
          },
        }
      : {}),
    disks: [
      { ...disk(0, sizeBytes), source: { kind: 'image', uuid: image } },
      ...(role === 'db' ? [disk(1, 100 * GIB)] : []),
      { uuid: stableUuid(`cdrom:${uuid}`), deviceType: 'CDROM', adapterType: 'IDE', deviceIndex: 0 },
    ],
    nics: [],
  };
}

function seedNic(
  uuid: string,
  subnet: EntityRecord | undefined,
  taken: Map<string, Set<number>>,
  on: boolean,
): NicRecord {
  const plan = subnet === undefined ? undefined : addressPlan(subnet.resources);
  const macAddress = macFrom(`mac:${uuid}`);
  const nic = {
    uuid: stableUuid(`nic:${uuid}`),
    nicType: 'NORMAL_NIC',
    subnetUuid: subnet?.uuid ?? '',
    macAddress,
    connected: true,
    vlanMode: 'ACCESS',
    trunkedVlans: [],
    queues: 1,
  };
  if (plan === undefined) {
    const [a = '', b = '', c = ''] = macAddress.split(':').slice(3);
    const last = 1 + (parseInt(c, 16) % 254);
    return {
      ...nic,
      addresses: on ? [{ ip: `10.${parseInt(a, 16)}.${parseInt(b, 16)}.${last}`, type: 'LEARNED' }] : [],
    };
  }
  const used = taken.get(nic.subnetUuid) ?? new Set<number>();
  taken.set(nic.subnetUuid, used);
  const ip = nextFree(plan, used);
  if (ip === undefined) return { ...nic, addresses: [] };
  used.add(ip);
  return { ...nic, addresses: [{ ip: toText(ip), type: 'ASSIGNED' }] };
}
