import { Injectable } from '@nestjs/common';
import type { Host, HostId } from '@polyvirt/contracts';
import { Audit } from '../audit/audit.ts';
import type { Caller } from '../auth/caller.decorator.ts';
import { Database } from '../database/database.ts';
import { HostRegister } from '../hosts/host-register.ts';
import { Hosts } from '../hosts/hosts.ts';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';
import { lockHost, notFound } from './host-changes.ts';

/** Has hosts take nothing new, so that they can be worked on. What has begun goes on. */
@Injectable()
export class HostDrains {
  constructor(
    private readonly database: Database,
    private readonly hosts: Hosts,
    private readonly register: HostRegister,
    private readonly audit: Audit,
  ) {}

  /** Asking for what already is changes nothing. Throws `host-not-found`. */
  async set(id: HostId, draining: boolean, caller: Caller): Promise<Host> {
    const drain = draining ? { drainedAt: Date.now(), drainedBy: caller.actor } : { drainedAt: null, drainedBy: null };
    await this.database.transaction(async (manager) => {
      const row = await lockHost(manager, id);
      const record = this.hosts.get(id);
      if (!row && !record) throw notFound(id);
      if (draining === (row != null && row.drainedAt !== null)) return;
      if (row) await manager.update(RegisteredHostEntity, { id }, drain);
      else
        await manager.insert(RegisteredHostEntity, {
          id,
          hypervisor: record!.hypervisor,
          createdBy: caller.actor,
          createdAt: Date.now(),
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
    });
    await this.register.refresh();
    return this.hosts.show(id);
  }
}
