import {
  rollupSeries,
  type HostId,
  type Metrics,
  type MinuteRollup,
  type RollupSeries,
  type VmId,
  type VmRollup,
} from '@polyvirt/contracts';

const minuteMs = 60_000;

interface Spread {
  sum: number;
  count: number;
  maximum: number;
}

interface VmMinute {
  samples: number;
  readonly spreads: Map<RollupSeries, Spread>;
}

/** Sums readings up by the minute in which they were made. */
export class MinuteRollups {
  /** By the begin of the minute, epoch ms. */
  readonly #minutes = new Map<number, Map<VmId, VmMinute>>();

  constructor(private readonly host: HostId) {}

  add(readings: readonly Metrics[]): void {
    for (const reading of readings) {
      const at = Math.floor(Date.parse(reading.observedAt) / minuteMs) * minuteMs;
      const vms = getOrMake(this.#minutes, at, () => new Map<VmId, VmMinute>());
      addTo(
        getOrMake(vms, reading.vmId, () => ({ samples: 0, spreads: new Map() })),
        reading,
      );
    }
  }

  /** Takes out the minutes that had ended at `nowMs`; with Infinity all there are. */
  take(nowMs: number): MinuteRollup[] {
    const ended = [...this.#minutes.keys()].filter((begin) => begin + minuteMs <= nowMs).sort((a, b) => a - b);
    return ended.flatMap((begin) => {
      const vms = [...this.#minutes.get(begin)!].flatMap(([vmId, minute]) => rollupOf(vmId, minute));
      this.#minutes.delete(begin);
      return vms.length === 0 ? [] : [{ host: this.host, minute: new Date(begin).toISOString(), vms }];
    });
  }
}

function addTo(minute: VmMinute, reading: Metrics): void {
  const values = valuesOf(reading);
  let isKnown = false;
  for (const series of rollupSeries) {
    const value = values[series];
    if (value === undefined) continue;
    isKnown = true;
    const spread = getOrMake(minute.spreads, series, () => ({ sum: 0, count: 0, maximum: 0 }));
    spread.sum += value;
    spread.count += 1;
    spread.maximum = Math.max(spread.maximum, value);
  }
  if (isKnown) minute.samples += 1;
}

function valuesOf({ cpuPercent, memoryPercent, disks, networks }: Metrics): Record<RollupSeries, number | undefined> {
  return {
    cpuPercent,
    memoryPercent,
    diskReadBytesPerSecond: total(disks.map((disk) => disk.readBytesPerSecond)),
    diskWriteBytesPerSecond: total(disks.map((disk) => disk.writeBytesPerSecond)),
    rxBytesPerSecond: total(networks.map((network) => network.rxBytesPerSecond)),
    txBytesPerSecond: total(networks.map((network) => network.txBytesPerSecond)),
  };
}

/** Of what is known; unknown when nothing is. */
function total(values: (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

/** A VM that was off all the minute has no values, and then no entry. */
function rollupOf(vmId: VmId, { samples, spreads }: VmMinute): VmRollup[] {
  if (samples === 0) return [];
  const series = [...spreads].map(([name, { sum, count, maximum }]) => [
    name,
    { average: rounded(sum / count), maximum: rounded(maximum) },
  ]);
  return [{ ...(Object.fromEntries(series) as Partial<VmRollup>), vmId, samples } as VmRollup];
}

/** More digits say nothing, and a host may have thousands of VMs in one message. */
const rounded = (value: number): number => Math.round(value * 100) / 100;

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
