import type { DriverMetrics } from '@polyvirt/contracts';
import { known, type MetricsFacet } from '@polyvirt/hypervisor';
import {
  blockRates,
  cpuPercent,
  interfaceRates,
  memoryUsage,
  type DomainStats,
  type Libvirt,
} from '@polyvirt/node-libvirt';
import { BALLOON_PERIOD_SECONDS } from './domain/domain-xml.ts';
import { stateOf } from './domain/states.ts';

const KIB_PER_MIB = 1024;

/** Readings of all running machines by bulk statistics. Rates need two sweeps; the first has none. */
export class MetricsSweep implements MetricsFacet {
  readonly #libvirt: Libvirt;
  #previous = new Map<string, DomainStats>();

  constructor(libvirt: Libvirt) {
    this.#libvirt = libvirt;
  }

  async sweep(): Promise<DriverMetrics[]> {
    const { domains } = await this.#libvirt.statistics.sweep();
    const observedAt = new Date().toISOString();
    const readings = domains.map((stats) => reading(stats, this.#previous.get(stats.uuid), observedAt));
    this.#previous = new Map(domains.map((stats) => [stats.uuid, stats]));
    return readings;
  }
}

export function reading(stats: DomainStats, previous: DomainStats | undefined, observedAt: string): DriverMetrics {
  const disks = new Map(previous && blockRates(previous, stats)?.map((rates) => [rates.name, rates]));
  const networks = new Map(previous && interfaceRates(previous, stats)?.map((rates) => [rates.name, rates]));
  return {
    nativeId: stats.uuid,
    state:
      stats.state === undefined ? 'unknown' : stateOf({ state: stats.state, reason: stats.stateReason ?? 0 }, false),
    ...known({ cpuPercent: previous && (cpuPercent(previous, stats) ?? undefined) }),
    ...memory(stats),
    disks: stats.blocks.map(({ name, readBytes, writeBytes }) => ({
      device: name,
      ...known({ readBytes, writeBytes }),
      ...known({
        readBytesPerSecond: disks.get(name)?.readBytesPerSecond,
        writeBytesPerSecond: disks.get(name)?.writeBytesPerSecond,
      }),
    })),
    networks: stats.interfaces.map(({ name, rxBytes, txBytes }) => ({
      interface: name,
      ...known({ rxBytes, txBytes }),
      ...known({
        rxBytesPerSecond: networks.get(name)?.rxBytesPerSecond,
        txBytesPerSecond: networks.get(name)?.txBytesPerSecond,
      }),
    })),
    observedAt,
  };
}

/** The resident size of the QEMU process is no answer to how much the guest uses: without the balloon it is unknown. */
function memory(stats: DomainStats): Partial<DriverMetrics> {
  const total = stats.balloon?.currentKiB;
  const usage = memoryUsage(stats, { periodSeconds: BALLOON_PERIOD_SECONDS });
  if (usage?.source !== 'guest')
    return known({ memoryTotalMiB: total === undefined ? undefined : total / KIB_PER_MIB });
  return {
    memoryPercent: usage.percent,
    memoryUsedMiB: usage.usedKiB / KIB_PER_MIB,
    memoryTotalMiB: usage.totalKiB / KIB_PER_MIB,
  };
}
