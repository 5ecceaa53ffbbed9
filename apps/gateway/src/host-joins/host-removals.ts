import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, forgetHost, isEvent, makeEvent, publishEvent } from '@polyvirt/bus';
import { hostAdded, hostDrainChanged, hostJoined, hostRemoved, ProblemError, type HostId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { IsNull, Not } from 'typeorm';
import { Audit, type Actor } from '../audit/audit.ts';
import { BusAccounts } from '../bus/bus-accounts.ts';
import { Database } from '../database/database.ts';
import type { Projection } from '../events/projection.ts';
import type { StreamEvent } from '../events/stream-event.ts';
import { HostAccounts } from '../hosts/host-accounts.ts';
import { HostJoinEntity } from '../hosts/host-join.entity.ts';
import { HostRegister } from '../hosts/host-register.ts';
import { Hosts } from '../hosts/hosts.ts';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';
import { Inventory } from '../inventory/inventory.ts';
import { LOGGER } from '../logger.ts';
import { OperationEndings } from '../operations/operation-endings.ts';
import { OperationEntity } from '../operations/operation.entity.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { lockHost, notFound } from './host-changes.ts';
import { withinPatience } from './patience.ts';

/**
 * Removes hosts: first the row says so, then the account goes, so that the agent is out, then everything of the host on the bus, and
 * the row at the end. A gateway that is killed in between leaves the row, by which the next one, or another, does the rest.
 */
@Injectable()
export class HostRemovals implements Projection, OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private resuming: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly busAccounts: BusAccounts,
    private readonly accounts: HostAccounts,
    private readonly hosts: Hosts,
    private readonly inventory: Inventory,
    private readonly register: HostRegister,
    private readonly endings: OperationEndings,
    private readonly audit: Audit,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.resume(), this.times.registerLookMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.resuming;
  }

  /**
   * Throws `host-not-found`, and `wrong-state` while an agent is there that has its credential from whoever starts it, or, unless
   * by force, while operations have not ended.
   */
  async remove(id: HostId, force: boolean, author: Actor): Promise<void> {
    const removedAt = await this.accept(id, force, author);
    await withinPatience('The message bus is away. The host is removed as soon as it is back.', (signal) =>
      this.finish(id, removedAt, signal),
    );
  }

  /** The same, and the rest follows within seconds: a host that leaves by itself could not be told so on the bus afterwards. */
  async accept(id: HostId, force: boolean, author: Actor): Promise<number> {
    const removedAt = Date.now();
    await this.database.transaction(async (manager) => {
      const row = await lockHost(manager, id);
      const record = this.hosts.get(id);
      if (!row && !record) throw notFound(id);
      const hasJoined = row !== undefined && (await manager.countBy(HostJoinEntity, { host: id })) > 0;
      if (!hasJoined && this.hosts.stateOf(id) !== 'offline') throw hasAgent(id);
      const active = await manager.countBy(OperationEntity, [
        { host: id, status: 'pending' },
        { host: id, status: 'running' },
      ]);
      if (active > 0 && !force) throw isBusy(id, active);
      if (row) await manager.update(RegisteredHostEntity, { id }, { removedAt });
      else
        await manager.insert(RegisteredHostEntity, {
          id,
          hypervisor: record!.hypervisor,
          createdBy: author.actor,
          createdAt: removedAt,
          revision: 0,
          drainedAt: null,
          drainedBy: null,
          removedAt,
        });
      await manager.delete(HostJoinEntity, { host: id, joinedAt: IsNull() });
      await manager.update(HostJoinEntity, { host: id }, { endsAt: removedAt });
      await this.audit.record(manager, author, {
        action: 'host.remove',
        outcome: 'succeeded',
        target: id,
        ...(active > 0 && { detail: `${active} operations had not ended` }),
      });
    });
    await this.register.refresh();
    return removedAt;
  }

  /** On every gateway: another one may have changed it. */
  async projected(events: readonly StreamEvent[]): Promise<void> {
    const kinds = [hostAdded, hostJoined, hostDrainChanged, hostRemoved];
    const of = events.filter(({ event }) => kinds.some((kind) => isEvent(kind, event)));
    if (of.length === 0) return;
    for (const { event } of of)
      if (isEvent(hostRemoved, event)) {
        this.hosts.drop(event.data.host);
        this.inventory.drop(event.data.host);
      }
    await this.register.refresh();
  }

  /** Everything in it may be done twice, also by two gateways. */
  private async finish(id: HostId, removedAt: number, signal: AbortSignal): Promise<void> {
    if (this.busAccounts.isAvailable) await this.accounts.end(id, signal);
    await forgetHost(this.bus, id, signal);
    await this.endings.endAllOf(id, signal);
    const event = makeEvent(hostRemoved, {
      id: `${id}:removed:${removedAt}`,
      source: `/hosts/${id}/gateway`,
      subject: id,
      data: { host: id },
    });
    await publishEvent(this.bus, id, event, { signal });
    await this.database.transaction((manager) => manager.delete(RegisteredHostEntity, { id, removedAt }));
    this.hosts.drop(id);
    this.inventory.drop(id);
    await this.register.refresh();
  }

  /** Does what a gateway before was killed in, or could not do without a bus. */
  private resume(): void {
    if (!this.bus.isConnected) return;
    const patience = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(30_000)]);
    this.resuming ??= (async () => {
      const rows = await this.database.repository(RegisteredHostEntity).findBy({ removedAt: Not(IsNull()) });
      for (const { id, removedAt } of rows)
        if (removedAt! < Date.now() - this.times.registerLookMs) await this.finish(id, removedAt!, patience);
    })()
      .catch((err: unknown) => {
        if (!this.stopping.signal.aborted) this.logger.warn({ err }, 'a host that was removed is not forgotten yet');
      })
      .finally(() => {
        this.resuming = undefined;
      });
  }
}

const hasAgent = (id: HostId): ProblemError =>
  new ProblemError(
    'wrong-state',
    `${id} has its credential from whoever starts it, and its agent is there. Stop the agent; 10 s later the host can be removed.`,
  );

const isBusy = (id: HostId, active: number): ProblemError =>
  new ProblemError(
    'wrong-state',
    `${active} ${active === 1 ? 'operation of the host has' : 'operations of the host have'} not ended: \`polyvirt op list --filter host=${id}\`. Wait, cancel them, or remove it by force: they fail then.`,
  );
