import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, makeEvent, publishEvent, StoredBytes } from '@polyvirt/bus';
import { hostCutOff, hostReadmitted, type HostId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { BusAccounts } from '../bus/bus-accounts.ts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { isoTime } from '../database/columns.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { HostAccounts } from './host-accounts.ts';
import { HostMeter, type Quota } from './host-quota.ts';
import { Hosts } from './hosts.ts';

const longestCutMs = 15 * 60_000;
const mebi = 1_024 * 1_024;

interface Cut {
  readonly timer: NodeJS.Timeout;
}

/**
 * Cuts off a host that floods the bus or fills it, for a while that doubles each time. Every gateway measures all hosts; what
 * one was killed with, `HostAccounts` undoes at the start of the next one, and a host that still is too much is cut off again within seconds.
 */
@Injectable()
export class HostQuotas implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly meters = new Map<HostId, HostMeter>();
  private readonly cuts = new Map<HostId, Cut>();
  /** How long the next cut of a host lasts. */
  private readonly nextCutMs = new Map<HostId, number>();
  private readonly quota: Quota;
  private readonly mostStored: number;
  private readonly stored: StoredBytes;
  private storedAtMs = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private measuring: Promise<void> | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly busAccounts: BusAccounts,
    private readonly accounts: HostAccounts,
    private readonly hosts: Hosts,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
    @Inject(CONFIG) { hostMessagesPerSecond, hostMiBPerSecond, hostStoredMiB }: GatewayConfig,
  ) {
    this.quota = { messagesPerSecond: hostMessagesPerSecond, bytesPerSecond: hostMiBPerSecond * mebi };
    this.mostStored = hostStoredMiB * mebi;
    this.stored = new StoredBytes(bus);
  }

  onApplicationBootstrap(): void {
    if (!this.busAccounts.isAvailable) return;
    this.timer = setInterval(() => this.tick(), this.times.quotaTickMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    for (const { timer } of this.cuts.values()) clearTimeout(timer);
    await this.measuring;
  }

  private tick(): void {
    if (!this.bus.isConnected) return;
    this.measuring ??= this.measureAll()
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted) this.logger.warn({ err }, 'what hosts send could not be measured');
      })
      .finally(() => {
        this.measuring = undefined;
      });
  }

  private async measureAll(): Promise<void> {
    await this.measure();
    if (this.times.now() - this.storedAtMs < this.times.storedTickMs) return;
    this.storedAtMs = this.times.now();
    for (const [host, bytes] of await this.stored.above(this.mostStored, this.stopping.signal))
      if (this.hosts.get(host) && !this.cuts.has(host)) await this.cutOff(host, tooMuch(bytes, this.mostStored));
  }

  private async measure(): Promise<void> {
    const hosts = this.hosts
      .all()
      .map(({ id }) => id)
      .filter((host) => !this.cuts.has(host));
    const sent = await this.busAccounts.keeper.sentBy(hosts.map((host) => this.accounts.accountOf(host)));
    const now = this.times.now();
    for (const host of hosts) {
      const reading = sent.get(this.accounts.accountOf(host));
      if (!reading) continue;
      const meter = this.meters.get(host);
      if (!meter) {
        this.meters.set(host, new HostMeter(reading, now));
        continue;
      }
      const reason = meter.exceeds(reading, now, this.quota);
      if (reason !== undefined) await this.cutOff(host, reason);
    }
  }

  private async cutOff(host: HostId, reason: string): Promise<void> {
    const { signal } = this.stopping;
    const forMs = this.nextCutMs.get(host) ?? this.times.firstCutMs;
    this.nextCutMs.set(host, Math.min(longestCutMs, forMs * 2));
    await this.accounts.issue(host, { isCutOff: true, signal });
    this.meters.delete(host);
    const until = isoTime(Date.now() + forMs);
    this.logger.warn({ host, reason, until }, 'cut off a host that is too much for the bus');
    this.cuts.set(host, { timer: setTimeout(() => this.readmit(host), forMs).unref() });
    await this.tell(host, hostCutOff, { host, reason, until });
  }

  private readmit(host: HostId): void {
    const { signal } = this.stopping;
    const work = async () => {
      await this.accounts.issue(host, { signal });
      this.cuts.delete(host);
      await this.tell(host, hostReadmitted, { host });
    };
    work().catch((err: unknown) => {
      if (!signal.aborted) this.logger.error({ err, host }, 'a host that was cut off could not be let in again');
    });
  }

  /** Gateways that see the same within a minute tell it once. */
  private async tell(
    host: HostId,
    definition: typeof hostCutOff | typeof hostReadmitted,
    data: { host: HostId; reason: string; until: string } | { host: HostId },
  ): Promise<void> {
    const event = makeEvent(definition as typeof hostCutOff, {
      id: `${host}:${definition.name}:${Math.floor(Date.now() / 60_000)}`,
      source: `/hosts/${host}/gateway`,
      subject: host,
      data: data as { host: HostId; reason: string; until: string },
    });
    await publishEvent(this.bus, host, event, { signal: this.stopping.signal });
  }
}

const tooMuch = (bytes: number, most: number): string =>
  `It has ${Math.ceil(bytes / mebi)} MiB on the bus, in its records and its events of the last 24 hours; it may have ${most / mebi}. Find out what it writes, or let it have more by POLYVIRT_HOST_STORED_MIB.`;
