import { hash32 } from '../identity.ts';
import type { Prism } from '../prism.ts';
import type { Scalar } from '../query/fiql.ts';
import type { ContainerRecord, HostRecord, VmRecord } from '../state/records.ts';
import { guestHasTools } from '../vms/vm-power.ts';
import { noise, SAMPLE_MS } from './noise.ts';
import { vmSample, SAMPLED, type VmSample } from './vm-metrics.ts';

/** An entity as the groups API sees it: a bag of attributes, some of them sampled. */
export interface GroupEntity {
  readonly id: string;
  /** Time of last change of its attributes, ms. */
  readonly changedAt: number;
  /** undefined when its kind has no such attribute. */
  readonly attribute: (name: string) => readonly Scalar[] | undefined;
  /** The value at a point of the grid; undefined when nothing was sampled then. */
  readonly sample: (name: string, at: number) => number | undefined;
  /** From when on there are samples. */
  readonly sampledFrom: number;
  readonly isMetric: (name: string) => boolean;
}

const METRICS = new Set<string>(SAMPLED);

/** The entities of a groups entity type; undefined for a type that the simulator does not know. */
export function groupEntities(prism: Prism, type: string): GroupEntity[] | undefined {
  switch (type) {
    case 'vm':
    case 'mh_vm': {
      const now = prism.clock.now();
      return prism.store
        .all('vm')
        .filter((vm) => vm.intent?.creating !== true && vm.listedAt <= now)
        .map((vm) => vmEntity(prism, vm));
    }
    case 'host':
      return prism.store.all('host').map((host) => hostEntity(prism, host));
    case 'cluster':
      return prism.site.hostingClusters.map((cluster) =>
        clusterEntity(prism, cluster.uuid, cluster.name, cluster.createdAt),
      );
    case 'storage_container':
      return prism.store.all('container').map((container) => containerEntity(prism, container));
    default:
      return undefined;
  }
}

function vmEntity(prism: Prism, vm: VmRecord): GroupEntity {
  const hasTools = guestHasTools(prism.site, vm);
  const { config } = vm;
  const cluster = prism.store.get('cluster', vm.clusterUuid);
  const host = vm.hostUuid === undefined ? undefined : prism.store.get('host', vm.hostUuid);
  let last: { at: number; sample: VmSample | undefined } | undefined;
  const text = (value: string | undefined): readonly Scalar[] => (value === undefined ? [] : [value]);
  return {
    id: vm.uuid,
    changedAt: vm.updatedAt,
    sampledFrom: vm.poweredOnAt ?? Infinity,
    isMetric: (name) => METRICS.has(name),
    attribute(name) {
      switch (name) {
        case 'vm_name':
        case 'name':
          return [vm.name];
        case 'uuid':
        case 'vm_uuid':
        case 'entity_uuid':
          return [vm.uuid];
        case 'power_state':
          return [vm.power.toLowerCase()];
        case 'num_vcpus':
          return [config.numSockets * config.numVcpusPerSocket];
        case 'memory_size_bytes':
          return [config.memoryMiB * 1024 * 1024];
        case 'capacity_bytes':
        case 'capacity.disk_capacity_bytes':
          return [config.disks.reduce((sum, disk) => sum + (disk.sizeBytes ?? 0), 0)];
        case 'ip_addresses':
          return config.nics.flatMap((nic) => nic.addresses.map(({ ip }) => ip));
        case 'cluster':
        case 'cluster_uuid':
          return [vm.clusterUuid];
        case 'cluster_name':
          return text(cluster?.name);
        case 'node':
        case 'host_uuid':
          return text(vm.hostUuid);
        case 'node_name':
        case 'host_name':
          return text(host?.name);
        case 'project_name':
          return text(prism.store.get('project', vm.projectUuid)?.name);
        case 'project_reference':
          return [vm.projectUuid];
        case 'is_cvm':
          return [0];
        case 'hypervisor_type':
          return ['AHV'];
        case 'categories':
          return Object.entries(vm.categories).flatMap(([key, values]) => values.map((value) => `${key}:${value}`));
        case 'vm_annotation':
        case 'description':
          return text(vm.description);
        default:
          return undefined;
      }
    },
    // Many attributes of one moment are asked for in a row.
    sample(name, at) {
      if (name === 'memory_usage_ppm' && !hasTools && prism.knobs.get('metrics.memoryWithoutTools') === 'absent')
        return undefined;
      if (last?.at !== at) last = { at, sample: vmSample(vm, at, hasTools) };
      return last.sample?.[name];
    },
  };
}

/** Sums or shares of what the VMs of a host or cluster do. */
function loadOf(
  prism: Prism,
  vms: readonly VmRecord[],
  hosts: readonly HostRecord[],
  name: string,
  at: number,
): number | undefined {
  const samples = vms.flatMap((vm) => {
    const sample = vmSample(vm, at, guestHasTools(prism.site, vm));
    return sample === undefined ? [] : [{ vm, sample }];
  });
  const cores = hosts.reduce((sum, host) => sum + host.cpuCores, 0);
  const memoryMiB = hosts.reduce((sum, host) => sum + host.memoryMiB, 0);
  const seed = hash32(hosts[0]?.uuid ?? '');
  switch (name) {
    case 'hypervisor_cpu_usage_ppm': {
      const used = samples.reduce((sum, { sample }) => sum + (sample['num_vcpus_used_ppm'] ?? 0), 0);
      return Math.min(1_000_000, Math.round(60_000 + 20_000 * noise(seed, at / SAMPLE_MS) + used / Math.max(1, cores)));
    }
    case 'hypervisor_memory_usage_ppm': {
      const used = samples.reduce((sum, { vm }) => sum + vm.config.memoryMiB, 0) + 36 * 1024 * hosts.length;
      return Math.min(1_000_000, Math.round((used / Math.max(1, memoryMiB)) * 1e6));
    }
    case 'controller_num_iops':
    case 'controller_num_read_iops':
    case 'controller_num_write_iops':
    case 'controller_io_bandwidth_kBps':
    case 'hypervisor_num_received_bytes':
    case 'hypervisor_num_transmitted_bytes':
      return samples.reduce((sum, { sample }) => sum + (sample[name] ?? 0), 0);
    case 'controller_avg_io_latency_usecs':
      return Math.round(300 + 100 * noise(seed + 1, at / SAMPLE_MS));
    default:
      return undefined;
  }
}

const HOST_METRICS = new Set([
  'hypervisor_cpu_usage_ppm',
  'hypervisor_memory_usage_ppm',
  'controller_num_iops',
  'controller_num_read_iops',
  'controller_num_write_iops',
  'controller_io_bandwidth_kBps',
  'controller_avg_io_latency_usecs',
  'hypervisor_num_received_bytes',
  'hypervisor_num_transmitted_bytes',
]);

function hostEntity(prism: Prism, host: HostRecord): GroupEntity {
  const attributes: Record<string, readonly Scalar[]> = {
    name: [host.name],
    node_name: [host.name],
    host_name: [host.name],
    ip_address: [host.ip],
    cluster: [host.clusterUuid],
    num_vms: [prism.site.hosts.vms(host.uuid)],
    num_cpu_sockets: [host.cpuSockets],
    num_cpus: [host.cpuCores],
    memory_size_bytes: [host.memoryMiB * 1024 * 1024],
    serial: [host.serial],
  };
  const vms = (): VmRecord[] => prism.store.all('vm').filter((vm) => vm.hostUuid === host.uuid);
  return {
    id: host.uuid,
    changedAt: host.createdAt,
    sampledFrom: host.createdAt,
    isMetric: (name) => HOST_METRICS.has(name),
    attribute: (name) => attributes[name],
    sample: (name, at) => loadOf(prism, vms(), [host], name, at),
  };
}

function clusterEntity(prism: Prism, uuid: string, name: string, createdAt: number): GroupEntity {
  const hosts = prism.store.all('host').filter(({ clusterUuid }) => clusterUuid === uuid);
  const vms = (): VmRecord[] => prism.store.all('vm').filter((vm) => vm.clusterUuid === uuid);
  const attributes: Record<string, readonly Scalar[]> = {
    name: [name],
    cluster_name: [name],
    num_nodes: [hosts.length],
    num_vms: [vms().length],
  };
  return {
    id: uuid,
    changedAt: createdAt,
    sampledFrom: createdAt,
    isMetric: (metric) => HOST_METRICS.has(metric),
    attribute: (attribute) => attributes[attribute],
    sample: (metric, at) => loadOf(prism, vms(), hosts, metric, at),
  };
}

const CONTAINER_METRICS = new Set([
  'storage.user_capacity_bytes',
  'storage.user_free_bytes',
  'storage.user_usage_bytes',
]);

function containerEntity(prism: Prism, container: ContainerRecord): GroupEntity {
  const used = (): number =>
    prism.store
      .all('vm')
      .flatMap((vm) => vm.config.disks)
      .filter((disk) => disk.containerUuid === container.uuid)
      .reduce((sum, disk) => sum + (disk.sizeBytes ?? 0) * 0.35, 0);
  return {
    id: container.uuid,
    changedAt: 0,
    sampledFrom: 0,
    isMetric: (name) => CONTAINER_METRICS.has(name),
    attribute: (name) =>
      name === 'container_name' || name === 'name'
        ? [container.name]
        : name === 'cluster'
          ? [container.clusterUuid]
          : undefined,
    sample(name) {
      if (name === 'storage.user_capacity_bytes') return container.capacityBytes;
      const usage = Math.round(used());
      return name === 'storage.user_usage_bytes' ? usage : Math.max(0, container.capacityBytes - usage);
    },
  };
}
