import type { DriverMetrics, NativeId, VmState } from '@polyvirt/contracts';
import { known, type MetricsFacet } from '@polyvirt/hypervisor';
import { amount } from './client/groups.ts';
import type { Vms } from './vm/vms.ts';

const PPM_PER_PERCENT = 10_000;
const MIB = 1024 ** 2;
/** Prism samples every VM at these intervals. */
const SAMPLE_SECONDS = 30;
const BYTES_PER_KB = 1_000;
/** Prism counts a VM as a whole, not each disk or interface. */
const WHOLE = 'all';

const attributes = [
  'power_state',
  'hypervisor_cpu_usage_ppm',
  'memory_usage_ppm',
  'memory_size_bytes',
  'controller_read_io_bandwidth_kBps',
  'controller_write_io_bandwidth_kBps',
  'hypervisor_num_received_bytes',
  'hypervisor_num_transmitted_bytes',
] as const;

type Column = (typeof attributes)[number];
export interface Columns {
  readonly uuid: NativeId;
  readonly values: Partial<Record<Column, string>>;
  /** Of the sample of each, epoch microseconds. */
  readonly times: Partial<Record<Column, number>>;
}

/** A counter out of samples, each of which counts for itself; it begins when the VM is first seen on. */
interface Total {
  readonly bytes: number;
  readonly sampledAt: number;
}
export type Totals = Partial<Record<Column, Total>>;

const states: Readonly<Record<string, VmState>> = {
  on: 'running',
  off: 'stopped',
  paused: 'paused',
  suspended: 'suspended',
};

/** Readings of all VMs that are on, by the groups API: one call for five hundred of them. */
export class MetricsSweep implements MetricsFacet {
  readonly #vms: Vms;
  #totals = new Map<NativeId, Totals>();

  constructor(vms: Vms) {
    this.#vms = vms;
  }

  async sweep(signal: AbortSignal): Promise<DriverMetrics[]> {
    const rows: Columns[] = await this.#vms.columns(attributes, signal, 'power_state==on');
    const observedAt = new Date().toISOString();
    this.#totals = new Map(rows.map((row) => [row.uuid, countOn(this.#totals.get(row.uuid) ?? {}, row)]));
    return rows.map((row) => reading(row, this.#totals.get(row.uuid)!, observedAt));
  }
}

/** What a sample adds to a counter. */
const share: Partial<Record<Column, number>> = {
  hypervisor_num_received_bytes: 1,
  hypervisor_num_transmitted_bytes: 1,
  controller_read_io_bandwidth_kBps: BYTES_PER_KB * SAMPLE_SECONDS,
  controller_write_io_bandwidth_kBps: BYTES_PER_KB * SAMPLE_SECONDS,
};

/** The counters after this look: a sample that was counted already adds nothing. */
export function countOn(before: Totals, { values, times }: Columns): Totals {
  const after: Totals = { ...before };
  for (const [column, factor] of Object.entries(share) as [Column, number][]) {
    const value = amount(values[column]);
    const sampledAt = times[column];
    const known = before[column];
    if (value === undefined || sampledAt === undefined || (known && known.sampledAt >= sampledAt)) continue;
    after[column] = { bytes: (known?.bytes ?? 0) + value * factor, sampledAt };
  }
  return after;
}

export function reading({ uuid, values }: Columns, totals: Totals, observedAt: string): DriverMetrics {
  const cpu = amount(values.hypervisor_cpu_usage_ppm);
  const memory = amount(values.memory_usage_ppm);
  const total = amount(values.memory_size_bytes);
  const readRate = amount(values.controller_read_io_bandwidth_kBps);
  const writeRate = amount(values.controller_write_io_bandwidth_kBps);
  const received = amount(values.hypervisor_num_received_bytes);
  const sent = amount(values.hypervisor_num_transmitted_bytes);
  const disk = known({
    readBytes: totals.controller_read_io_bandwidth_kBps?.bytes,
    writeBytes: totals.controller_write_io_bandwidth_kBps?.bytes,
    readBytesPerSecond: readRate === undefined ? undefined : readRate * BYTES_PER_KB,
    writeBytesPerSecond: writeRate === undefined ? undefined : writeRate * BYTES_PER_KB,
  });
  const network = known({
    rxBytes: totals.hypervisor_num_received_bytes?.bytes,
    txBytes: totals.hypervisor_num_transmitted_bytes?.bytes,
    rxBytesPerSecond: received === undefined ? undefined : received / SAMPLE_SECONDS,
    txBytesPerSecond: sent === undefined ? undefined : sent / SAMPLE_SECONDS,
  });
  const percent = memory === undefined ? undefined : Math.min(100, memory / PPM_PER_PERCENT);
  const totalMiB = total === undefined ? undefined : total / MIB;
  return {
    nativeId: uuid,
    state: states[values.power_state?.toLowerCase() ?? ''] ?? 'unknown',
    ...known({
      cpuPercent: cpu === undefined ? undefined : Math.min(100, cpu / PPM_PER_PERCENT),
      memoryPercent: percent,
      memoryUsedMiB: percent === undefined || totalMiB === undefined ? undefined : (totalMiB * percent) / 100,
      memoryTotalMiB: totalMiB,
    }),
    disks: Object.keys(disk).length > 0 ? [{ device: WHOLE, ...disk }] : [],
    networks: Object.keys(network).length > 0 ? [{ interface: WHOLE, ...network }] : [],
    observedAt,
  };
}
