import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@polyvirt/bus';
import type { HostId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { LessThanOrEqual } from 'typeorm';
import { BusAccounts } from '../bus/bus-accounts.ts';
import { Database } from '../database/database.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { HostJoinEntity } from './host-join.entity.ts';
import { HostRegister } from './host-register.ts';
import { Hosts } from './hosts.ts';

/**
 * The accounts of hosts on the bus, as the register has them. Made again whenever a gateway starts or the bus comes back, which
 * may be empty; removed when their time is over, by each gateway, and again a while later: another gateway may have issued one
 * from what it remembered.
 */
@Injectable()
export class HostAccounts implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly cutOff = new Set<HostId>();
  /** Joins whose account was removed here. */
  private readonly removed = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private forget: (() => void) | undefined;
  private working: Promise<void> = Promise.resolve();
  private isEnding = false;

  constructor(
    private readonly bus: Bus,
    private readonly accounts: BusAccounts,
    private readonly database: Database,
    private readonly hosts: Hosts,
    private readonly register: HostRegister,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.accounts.isAvailable) return;
    this.forget = this.bus.onReconnect(() => this.settle());
    // A gateway that was killed may have left one cut off, or one that was to be removed.
    this.settle();
    this.timer = setInterval(() => this.endDue(), this.times.registerLookMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.forget?.();
    this.stopping.abort();
    await this.working;
  }

  /** Public key of the account in which the agent of a host is. */
  accountOf(host: HostId): string {
    return this.accounts.keeper.authority.hostAccount(host, this.register.get(host)?.joined?.id);
  }

  /** Lets the agent of a host in, or keeps it out for as long as it is cut off. Waits while the bus is away. */
  async issue(
    host: HostId,
    { isCutOff = false, signal = this.stopping.signal }: { isCutOff?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    if (isCutOff) this.cutOff.add(host);
    else this.cutOff.delete(host);
    const registered = this.register.get(host);
    if (registered && registered.row.removedAt !== null) return;
    await this.accounts.keeper.issueHost(host, { isCutOff, join: registered?.joined?.id, signal });
  }

  /** Takes the accounts of all joins of a host off the bus whose time is over. */
  async end(host: HostId, signal: AbortSignal): Promise<void> {
    const over = await this.joins.findBy({ host, endsAt: LessThanOrEqual(Date.now()) });
    for (const join of over) await this.remove(join, signal);
  }

  private get joins() {
    return this.database.repository(HostJoinEntity);
  }

  private settle(): void {
    this.working = this.working
      .then(async () => {
        await this.register.refresh();
        const joined = [...this.register.all()].flatMap(({ row, joined: join }) => (join ? [row.id] : []));
        for (const host of new Set([...this.hosts.all().map(({ id }) => id), ...joined]))
          await this.issue(host, { isCutOff: this.cutOff.has(host) });
      })
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted) this.logger.error({ err }, 'the accounts of hosts could not be issued');
      });
  }

  private endDue(): void {
    if (this.isEnding || !this.bus.isConnected) return;
    this.isEnding = true;
    this.working = this.working
      .then(async () => {
        const now = Date.now();
        for (const join of await this.joins.findBy({ endsAt: LessThanOrEqual(now) })) {
          const isLast = join.endsAt! + this.times.removeAgainMs <= now;
          if (isLast || !this.removed.has(join.id)) await this.remove(join, this.stopping.signal);
          if (!isLast) continue;
          await this.database.transaction((manager) => manager.delete(HostJoinEntity, { id: join.id }));
          this.removed.delete(join.id);
        }
      })
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted) this.logger.warn({ err }, 'the account of a host could not be removed');
      })
      .finally(() => {
        this.isEnding = false;
      });
  }

  private async remove({ id, host }: HostJoinEntity, signal: AbortSignal): Promise<void> {
    const { keeper } = this.accounts;
    await keeper.remove([keeper.authority.hostAccount(host, id)], signal);
    this.removed.add(id);
  }
}
