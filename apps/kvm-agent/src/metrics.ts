import type { DriverMetrics } from '@polyvirt/contracts';
import { known, type MetricsFacet } from '@polyvirt/hypervisor';
import {
  blockRates,
  CallTimeoutError,
  cpuPercent,
  interfaceRates,
  LibvirtError,
  memoryUsage,
  type DomainStats,
  type Libvirt,
} from '@polyvirt/node-libvirt';
import { readDomain } from './domain/domain-reader.ts';
import { BALLOON_PERIOD_SECONDS } from './domain/domain-xml.ts';
import { stateOf } from './domain/states.ts';

const KIB_PER_MIB = 1024;

/** An interface that is replaced by another of the same name shows its MAC address after so long. */
const MACS_VALID_MS = 60_000;

/** MAC addresses by the name of the device on the host. */
export type Macs = ReadonlyMap<string, string>;

interface KnownMacs {
  readonly run: number;
  readonly readAtMs: number;
  readonly macs: Macs;
}

/** Readings of all running machines by bulk statistics. Rates need two sweeps; the first has none. */
export class MetricsSweep implements MetricsFacet {
  readonly #libvirt: Libvirt;
  #previous = new Map<string, DomainStats>();
  #macs = new Map<string, KnownMacs>();

  constructor(libvirt: Libvirt) {
    this.#libvirt = libvirt;
  }

  async sweep(): Promise<DriverMetrics[]> {
    const { domains, suspects } = await this.#libvirt.statistics.sweep();
    const observedAt = new Date().toISOString();
    this.#macs = await this.#macsOf(domains, new Set(suspects));
    const readings = domains.map((stats) =>
      reading(stats, this.#previous.get(stats.uuid), observedAt, this.#macs.get(stats.uuid)?.macs),
    );
    this.#previous = new Map(domains.map((stats) => [stats.uuid, stats]));
    return readings;
  }

  /** Statistics name interfaces as the host does. Whose MAC address that is, is in the running definition only. */
  async #macsOf(domains: readonly DomainStats[], suspects: ReadonlySet<string>): Promise<Map<string, KnownMacs>> {
    const entries = await Promise.all(
      domains.map(async (stats): Promise<[string, KnownMacs] | undefined> => {
        const known = this.#macs.get(stats.uuid);
        if (suspects.has(stats.uuid) || (known && isStillGood(known, stats))) return known && [stats.uuid, known];
        const macs = await this.#readMacs(stats.uuid);
        return macs ? [stats.uuid, { run: stats.id, readAtMs: performance.now(), macs }] : known && [stats.uuid, known];
      }),
    );
    return new Map(entries.filter((entry) => entry !== undefined));
  }

  /** One that is refused, does not answer or cannot be understood has its readings without them. */
  async #readMacs(uuid: string): Promise<Macs | undefined> {
    try {
      return macsIn(await this.#libvirt.domains.reference(uuid).xml());
    } catch (error) {
      if ([LibvirtError, CallTimeoutError, SyntaxError].some((kind) => error instanceof kind)) return undefined;
      throw error;
    }
  }
}

const isStillGood = ({ run, readAtMs, macs }: KnownMacs, { id, interfaces }: DomainStats): boolean =>
  run === id && performance.now() - readAtMs < MACS_VALID_MS && interfaces.every(({ name }) => macs.has(name));

function macsIn(xml: string): Macs {
  const macs = new Map<string, string>();
  for (const nic of readDomain(xml).nics) if (nic.interface !== undefined) macs.set(nic.interface, nic.mac);
  return macs;
}

export function reading(
  stats: DomainStats,
  previous: DomainStats | undefined,
  observedAt: string,
  macs?: Macs,
): DriverMetrics {
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
      ...macOf(name, macs),
      ...known({ rxBytes, txBytes }),
      ...known({
        rxBytesPerSecond: networks.get(name)?.rxBytesPerSecond,
        txBytesPerSecond: networks.get(name)?.txBytesPerSecond,
      }),
    })),
    observedAt,
  };
}

function macOf(name: string, macs: Macs | undefined): { mac?: string } {
  const mac = macs?.get(name);
  return mac === undefined ? {} : { mac };
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
