import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Bus, makeEvent, publishEvent } from '@polyvirt/bus';
import { hostDrainChanged, type Host, type HostId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { Audit } from '../audit/audit.ts';
import type { Caller } from '../auth/caller.decorator.ts';
import { Database } from '../database/database.ts';
import { HostRegister } from '../hosts/host-register.ts';
import { Hosts } from '../hosts/hosts.ts';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';
import { LOGGER } from '../logger.ts';
import { lockHost, notFound } from './host-changes.ts';

/** Has hosts take nothing new, so that they can be worked on. What has begun goes on. */
@Injectable()
export class HostDrains implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  /** One after another, so that what is heard last is how it is. */
  private publishing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly hosts: Hosts,
    private readonly register: HostRegister,
    private readonly audit: Audit,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.publishing;
  }

  /** Asking for what already is changes nothing. Throws `host-not-found`. */
  async set(id: HostId, draining: boolean, caller: Caller): Promise<Host> {
    const now = Date.now();
    const drain = draining ? { drainedAt: now, drainedBy: caller.actor } : { drainedAt: null, drainedBy: null };
    const isChanged = await this.database.transaction(async (manager) => {
      const row = await lockHost(manager, id);
      const record = this.hosts.get(id);
      if (!row && !record) throw notFound(id);
      if (draining === (row != null && row.drainedAt !== null)) return false;
      if (row) await manager.update(RegisteredHostEntity, { id }, drain);
      else
        await manager.insert(RegisteredHostEntity, {
          id,
          hypervisor: record!.hypervisor,
          createdBy: caller.actor,
          createdAt: now,
          revision: 0,
          ...drain,
          removedAt: null,
        });
      await this.audit.record(manager, caller, {
        action: 'host.drain',
        outcome: 'succeeded',
        target: id,
        detail: draining ? 'takes nothing new' : 'takes commands again',
      });
      return true;
    });
    await this.register.refresh();
    // It holds already, also while the bus is away.
    if (isChanged) this.publishing = this.publishing.then(() => this.publish(id, draining, caller.actor, now));
    return this.hosts.show(id);
  }

  /** Whoever misses it learns of it by the register, a little later. */
  private async publish(host: HostId, draining: boolean, by: string, at: number): Promise<void> {
    const { signal } = this.stopping;
    try {
      const event = makeEvent(hostDrainChanged, {
        id: `${host}:${draining ? 'drained' : 'undrained'}:${at}`,
        source: `/hosts/${host}/gateway`,
        subject: host,
        data: { host, draining, by },
      });
      await publishEvent(this.bus, host, event, { signal });
    } catch (err) {
      if (!signal.aborted) this.logger.warn({ err, host }, 'cannot publish that a host was drained, or is no longer');
    }
  }
}
