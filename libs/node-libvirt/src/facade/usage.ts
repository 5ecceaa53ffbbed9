import type { BlockStats, DomainStats, InterfaceStats } from './domain-stats.ts';

export interface MemoryUsage {
  usedKiB: number;
  totalKiB: number;
  percent: number;
  /** `guest`: what the guest's kernel says. `host`: resident memory of the process, which only bounds it. */
  source: 'guest' | 'host';
}

export interface MemoryUsageOptions {
  /** Polling period of the balloon; numbers older than three of them are not believed. 10 s by default. */
  periodSeconds?: number;
  /** Seconds since 1970; now by default. */
  now?: number;
}

export interface InterfaceRates {
  name: string;
  rxBytesPerSecond: number;
  txBytesPerSecond: number;
}

export interface BlockRates {
  name: string;
  readBytesPerSecond: number;
  writeBytesPerSecond: number;
}

/**
 * Share of its vCPUs that a domain used between two samples, 0 to 100. Null where the two cannot be compared: another
 * run of the domain, a counter that went back, no CPU time reported.
 */
export function cpuPercent(previous: DomainStats, current: DomainStats): number | null {
  const seconds = secondsBetween(previous, current);
  const used = difference(previous.cpu?.timeNs, current.cpu?.timeNs);
  const vcpus = current.vcpuCurrent;
  if (seconds === null || used === null || vcpus === undefined || vcpus === 0) return null;
  return Math.min(100, (used / (seconds * 1e9 * vcpus)) * 100);
}

/** Memory in use. Without fresh numbers from the guest it is the process's resident memory; null without either. */
export function memoryUsage(stats: DomainStats, options: MemoryUsageOptions = {}): MemoryUsage | null {
  const { balloon } = stats;
  if (balloon === undefined) return null;
  const { availableKiB, usableKiB, unusedKiB, lastUpdate = 0, rssKiB, currentKiB } = balloon;
  // The guest's page cache is not memory in use; only old balloon drivers leave nothing but `unused`.
  const freeKiB = usableKiB ?? unusedKiB;
  const age = (options.now ?? Date.now() / 1000) - lastUpdate;
  const fresh = lastUpdate > 0 && age < 3 * (options.periodSeconds ?? DEFAULT_PERIOD_SECONDS);
  if (fresh && availableKiB !== undefined && availableKiB > 0 && freeKiB !== undefined) {
    return usage(availableKiB - freeKiB, availableKiB, 'guest');
  }
  if (rssKiB === undefined || currentKiB === undefined || currentKiB === 0) return null;
  return usage(Math.min(rssKiB, currentKiB), currentKiB, 'host');
}

/** Rates of the interfaces that both samples have; null where the samples cannot be compared. */
export function interfaceRates(previous: DomainStats, current: DomainStats): InterfaceRates[] | null {
  return rates(
    previous,
    current,
    ({ interfaces }) => interfaces,
    (before, after, seconds) => ({
      name: after.name,
      rxBytesPerSecond: rate(before.rxBytes, after.rxBytes, seconds),
      txBytesPerSecond: rate(before.txBytes, after.txBytes, seconds),
    }),
  );
}

/** Rates of the disks that both samples have; null where the samples cannot be compared. */
export function blockRates(previous: DomainStats, current: DomainStats): BlockRates[] | null {
  return rates(
    previous,
    current,
    ({ blocks }) => blocks,
    (before, after, seconds) => ({
      name: after.name,
      readBytesPerSecond: rate(before.readBytes, after.readBytes, seconds),
      writeBytesPerSecond: rate(before.writeBytes, after.writeBytes, seconds),
    }),
  );
}

const DEFAULT_PERIOD_SECONDS = 10;

function rates<Device extends InterfaceStats | BlockStats, Rates>(
  previous: DomainStats,
  current: DomainStats,
  devicesOf: (stats: DomainStats) => Device[],
  compare: (before: Device, after: Device, seconds: number) => Rates,
): Rates[] | null {
  const seconds = secondsBetween(previous, current);
  if (seconds === null) return null;
  const before = new Map(devicesOf(previous).map((device) => [device.name, device]));
  return devicesOf(current).flatMap((device) => {
    const earlier = before.get(device.name);
    return earlier === undefined ? [] : [compare(earlier, device, seconds)];
  });
}

function secondsBetween(previous: DomainStats, current: DomainStats): number | null {
  const ms = current.sampledAtMs - previous.sampledAtMs;
  return previous.uuid === current.uuid && previous.id === current.id && current.id >= 0 && ms > 0 ? ms / 1000 : null;
}

function difference(before: number | undefined, after: number | undefined): number | null {
  return before === undefined || after === undefined || after < before ? null : after - before;
}

/** A device that was replaced under the same name starts again at zero, and has then no rate. */
function rate(before: number | undefined, after: number | undefined, seconds: number): number {
  return (difference(before, after) ?? 0) / seconds;
}

function usage(usedKiB: number, totalKiB: number, source: MemoryUsage['source']): MemoryUsage {
  const used = Math.max(0, usedKiB);
  return { usedKiB: used, totalKiB, percent: (used / totalKiB) * 100, source };
}
