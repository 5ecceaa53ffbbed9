import { Injectable } from '@nestjs/common';
import {
  parseVmId,
  rollupSeries,
  type HostId,
  type Metrics,
  type MetricsBatch,
  type RollupSeries,
  type VmId,
  type VmRecord,
  type VmState,
} from '@polyvirt/contracts';
import { keepReading } from './keep-reading.ts';
import { pointsOf, type Point } from './series.ts';

/** How far back memory reaches, in milliseconds. */
export const memoryReachMs = 15 * 60_000;
/** Finest step of memory. Agents that sweep more often overwrite within it. */
export const slotMs = 5_000;

const slots = memoryReachMs / slotMs;
const width = rollupSeries.length;
/** A reading is the present for so long; then it is history. */
const freshMs = 60_000;

interface HostReadings {
  /** Which step since the epoch a slot holds; what is older is left over from the round before. */
  readonly steps: Float64Array;
  readonly vms: Map<VmId, VmReadings>;
}

interface VmReadings {
  readonly last: Metrics;
  observedAtMs: number;
  receivedAtMs: number;
  /** `width` values a slot; NaN is unknown. 4.3 kB a VM. */
  readonly values: Float32Array;
}

/** The last 15 minutes of every VM, and its last reading whole. */
@Injectable()
export class MetricsMemory {
  private readonly listeners = new Set<(batch: MetricsBatch) => void>();
  private readonly hosts = new Map<HostId, HostReadings>();
  /** By the clock of the host, as are the times of its readings. */
  private readonly states = new Map<VmId, { state: VmState; sinceMs: number }>();

  /** Notes what state a VM is in: readings from before it came into that are not the present any more. */
  note({ id, state, observedAt }: Pick<VmRecord, 'id' | 'state' | 'observedAt'>): void {
    if (this.states.get(id)?.state !== state) this.states.set(id, { state, sinceMs: Date.parse(observedAt) });
  }

  /** Calls `listener` with every batch that comes in, until what it returns is called. */
  onBatch(listener: (batch: MetricsBatch) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  add(batch: MetricsBatch, nowMs: number): void {
    this.keep(batch, nowMs);
    for (const listener of this.listeners) listener(batch);
  }

  private keep({ host, observedAt, readings }: MetricsBatch, nowMs: number): void {
    const known = this.hosts.get(host) ?? { steps: new Float64Array(slots).fill(-1), vms: new Map<VmId, VmReadings>() };
    this.hosts.set(host, known);
    const step = Math.floor(Date.parse(observedAt) / slotMs);
    // A clock that runs far ahead would make every later batch look old.
    if (step * slotMs > nowMs + memoryReachMs || step * slotMs < nowMs - memoryReachMs) return;
    const slot = step % slots;
    if (known.steps[slot]! > step) return;
    const offset = slot * width;
    if (known.steps[slot] !== step)
      for (const vm of known.vms.values()) vm.values.fill(Number.NaN, offset, offset + width);
    known.steps[slot] = step;
    for (const reading of readings) {
      if (parseVmId(reading.vmId).host !== host) continue;
      const observedAtMs = Date.parse(reading.observedAt);
      let vm = known.vms.get(reading.vmId);
      if (!vm) {
        const values = new Float32Array(slots * width).fill(Number.NaN);
        vm = { last: reading, observedAtMs, receivedAtMs: nowMs, values };
        known.vms.set(reading.vmId, vm);
      } else if (observedAtMs >= vm.observedAtMs) {
        keepReading(vm.last, reading);
        vm.observedAtMs = observedAtMs;
        vm.receivedAtMs = nowMs;
      }
      seriesOf(reading, vm.values, offset);
    }
  }

  /** The last reading, unless it is too old to be called the present, or the VM has come into another state since. */
  latest(id: VmId, nowMs: number): Metrics | undefined {
    const vm = this.hosts.get(parseVmId(id).host)?.vms.get(id);
    if (!vm || nowMs - vm.receivedAtMs >= freshMs) return undefined;
    // Of the same millisecond nobody knows which was first.
    return vm.observedAtMs > (this.states.get(id)?.sinceMs ?? -Infinity) ? vm.last : undefined;
  }

  /** Points between two times, of the steps that have readings. */
  history(id: VmId, fromMs: number, toMs: number, stepMs: number): Point[] {
    const host = this.hosts.get(parseVmId(id).host);
    const vm = host?.vms.get(id);
    if (!host || !vm) return [];
    const samples: { atMs: number; values: Float32Array }[] = [];
    for (const [slot, step] of host.steps.entries()) {
      const atMs = step * slotMs;
      if (step < 0 || atMs < fromMs || atMs >= toMs) continue;
      samples.push({ atMs, values: vm.values.subarray(slot * width, (slot + 1) * width) });
    }
    samples.sort((a, b) => a.atMs - b.atMs);
    return pointsOf(samples, stepMs);
  }

  forget(id: VmId): void {
    this.hosts.get(parseVmId(id).host)?.vms.delete(id);
    this.states.delete(id);
  }
}

/** Writes the values of a reading that a chart draws; rates are summed over the devices that have one. */
function seriesOf(reading: Metrics, into: Float32Array, offset: number): void {
  const sum = <Device>(devices: readonly Device[], rateOf: (device: Device) => number | undefined): number => {
    let total = Number.NaN;
    for (const device of devices) {
      const rate = rateOf(device);
      if (rate !== undefined) total = Number.isNaN(total) ? rate : total + rate;
    }
    return total;
  };
  const values: Record<RollupSeries, number> = {
    cpuPercent: reading.cpuPercent ?? Number.NaN,
    memoryPercent: reading.memoryPercent ?? Number.NaN,
    diskReadBytesPerSecond: sum(reading.disks, (disk) => disk.readBytesPerSecond),
    diskWriteBytesPerSecond: sum(reading.disks, (disk) => disk.writeBytesPerSecond),
    rxBytesPerSecond: sum(reading.networks, (network) => network.rxBytesPerSecond),
    txBytesPerSecond: sum(reading.networks, (network) => network.txBytesPerSecond),
  };
  for (const [at, name] of rollupSeries.entries()) into[offset + at] = values[name];
}
