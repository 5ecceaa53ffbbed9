import { Injectable } from '@nestjs/common';
import {
  parseVmId,
  rollupSeries,
  type HostId,
  type Metrics,
  type MetricsBatch,
  type RollupSeries,
  type VmId,
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
  receivedAtMs: number;
  /** What was read until then was read before the VM went off. */
  lapsedMs: number;
  /** `width` values a slot; NaN is unknown. 4.3 kB a VM. */
  readonly values: Float32Array;
}

/** The last 15 minutes of every VM, and its last reading whole. */
@Injectable()
export class MetricsMemory {
  private readonly hosts = new Map<HostId, HostReadings>();

  add({ host, observedAt, readings }: MetricsBatch, nowMs: number): void {
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
      let vm = known.vms.get(reading.vmId);
      if (!vm) {
        vm = {
          last: reading,
          receivedAtMs: nowMs,
          lapsedMs: 0,
          values: new Float32Array(slots * width).fill(Number.NaN),
        };
        known.vms.set(reading.vmId, vm);
      } else if (reading.observedAt >= vm.last.observedAt) {
        keepReading(vm.last, reading);
        vm.receivedAtMs = nowMs;
      }
      seriesOf(reading, vm.values, offset);
    }
  }

  /** The last reading, unless it has grown too old to be called the present, or the VM was off since. */
  latest(id: VmId, nowMs: number): Metrics | undefined {
    const vm = this.hosts.get(parseVmId(id).host)?.vms.get(id);
    return vm && isPresent(vm, nowMs) ? vm.last : undefined;
  }

  /** What was read of a VM until then is history: it was off at that time. */
  lapse(id: VmId, untilMs: number): void {
    const vm = this.hosts.get(parseVmId(id).host)?.vms.get(id);
    if (vm) vm.lapsedMs = Math.max(vm.lapsedMs, untilMs);
  }

  *allLatest(nowMs: number): Iterable<Metrics> {
    for (const { vms } of this.hosts.values()) for (const vm of vms.values()) if (isPresent(vm, nowMs)) yield vm.last;
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
  }
}

const isPresent = ({ last, receivedAtMs, lapsedMs }: VmReadings, nowMs: number): boolean =>
  nowMs - receivedAtMs < freshMs && Date.parse(last.observedAt) > lapsedMs;

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
