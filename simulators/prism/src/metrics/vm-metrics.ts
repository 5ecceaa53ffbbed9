import { hash32 } from '../identity.ts';
import type { VmRecord } from '../state/records.ts';
import { noise, SAMPLE_MS, wave } from './noise.ts';

/** One sample of a VM, by the names of v3 groups. */
export type VmSample = Readonly<Record<string, number>>;

interface Character {
  readonly cpuPpm: number;
  readonly memoryPpm: number;
  readonly writeIops: number;
  readonly readIops: number;
  readonly kBps: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Idle and busy are recorded values of pc.7.3; the middle lies between them. */
const IDLE: Character = {
  cpuPpm: 2491,
  memoryPpm: 399637,
  writeIops: 1,
  readIops: 0,
  kBps: 12,
  receivedBytes: 20810,
  sentBytes: 24441,
};
const MIDDLE: Character = {
  cpuPpm: 84000,
  memoryPpm: 520000,
  writeIops: 24,
  readIops: 8,
  kBps: 260,
  receivedBytes: 640000,
  sentBytes: 910000,
};
const BUSY: Character = {
  cpuPpm: 457055,
  memoryPpm: 713000,
  writeIops: 159,
  readIops: 41,
  kBps: 1341,
  receivedBytes: 7.2e6,
  sentBytes: 13.8e6,
};

const characterOf = (seed: number): Character => (seed % 10 < 6 ? IDLE : seed % 10 < 9 ? MIDDLE : BUSY);

/** The sample at a point of the 30 s grid; undefined when the VM was not running for all of it. */
export function vmSample(vm: VmRecord, at: number, hasTools: boolean): VmSample | undefined {
  if (vm.power !== 'ON' || vm.poweredOnAt === undefined || at - SAMPLE_MS < vm.poweredOnAt) return undefined;
  const seed = hash32(vm.uuid);
  const step = at / SAMPLE_MS;
  const character = characterOf(seed);
  const load = Math.max(0.1, 1 + 0.45 * wave(seed, at));
  const draw = (salt: number, spread = 0.2): number => 1 - spread + 2 * spread * noise(seed + salt, step);
  const whole = (value: number, salt: number, spread?: number): number => Math.round(value * load * draw(salt, spread));
  const readIops = whole(character.readIops, 3, 0.6);
  const writeIops = whole(character.writeIops, 4, 0.6);
  const readKBps = whole(character.kBps * 0.3, 5, 0.5);
  const writeKBps = whole(character.kBps * 0.7, 6, 0.5);
  const latency = Math.round(345 * draw(7));
  const memory = Math.min(980_000, Math.round(character.memoryPpm * (0.98 + 0.04 * noise(seed + 2, step))));
  const cpu = Math.min(1_000_000, whole(character.cpuPpm, 1));
  const capacity = vm.config.disks.reduce((sum, disk) => sum + (disk.sizeBytes ?? 0), 0);
  return {
    hypervisor_cpu_usage_ppm: cpu,
    'hypervisor.cpu_ready_time_ppm': whole(character.cpuPpm / 400, 8, 0.8),
    num_vcpus_used_ppm: cpu * vm.config.numSockets * vm.config.numVcpusPerSocket,
    memory_usage_ppm: memory,
    ...(hasTools ? { 'guest.memory_usage_ppm': Math.min(990_000, Math.round(memory * 1.05)) } : {}),
    hypervisor_memory_usage_ppm: 1_000_000,
    controller_num_iops: readIops + writeIops,
    controller_num_read_iops: readIops,
    controller_num_write_iops: writeIops,
    controller_io_bandwidth_kBps: readKBps + writeKBps,
    controller_read_io_bandwidth_kBps: readKBps,
    controller_write_io_bandwidth_kBps: writeKBps,
    controller_avg_io_latency_usecs: latency,
    controller_avg_read_io_latency_usecs: Math.round(latency * 0.9),
    controller_avg_write_io_latency_usecs: Math.round(latency * 1.1),
    // Bytes within the sample: neither a total nor a rate.
    hypervisor_num_received_bytes: vm.config.nics.length === 0 ? 0 : whole(character.receivedBytes, 9, 0.4),
    hypervisor_num_transmitted_bytes: vm.config.nics.length === 0 ? 0 : whole(character.sentBytes, 10, 0.4),
    hypervisor_num_receive_packets_dropped: 0,
    hypervisor_num_transmit_packets_dropped: 0,
    controller_user_bytes: Math.round(capacity * (0.2 + 0.3 * noise(seed, 0))),
    controller_timespan_usecs: SAMPLE_MS * 1000,
  };
}

export const SAMPLED = [
  'hypervisor_cpu_usage_ppm',
  'hypervisor.cpu_ready_time_ppm',
  'memory_usage_ppm',
  'guest.memory_usage_ppm',
  'hypervisor_memory_usage_ppm',
  'controller_num_iops',
  'controller_num_read_iops',
  'controller_num_write_iops',
  'controller_io_bandwidth_kBps',
  'controller_read_io_bandwidth_kBps',
  'controller_write_io_bandwidth_kBps',
  'controller_avg_io_latency_usecs',
  'controller_avg_read_io_latency_usecs',
  'controller_avg_write_io_latency_usecs',
  'hypervisor_num_received_bytes',
  'hypervisor_num_transmitted_bytes',
  'hypervisor_num_receive_packets_dropped',
  'hypervisor_num_transmit_packets_dropped',
  'controller_user_bytes',
  'controller_timespan_usecs',
  'num_vcpus_used_ppm',
] as const;
