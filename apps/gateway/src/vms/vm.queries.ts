import { Injectable } from '@nestjs/common';
import { ask, Bus } from '@polyvirt/bus';
import {
  parseVmId,
  ProblemError,
  readDefinition,
  readGuest,
  readVm,
  verdictOn,
  type GuestReport,
  type NativeDefinition,
  type VmId,
  type VmListQuery,
} from '@polyvirt/contracts';
import { z } from 'zod';
import { Cursors } from '../http/cursor.ts';
import { Hosts } from '../hosts/hosts.ts';
import { Inventory } from '../inventory/inventory.ts';
import type { VmEntry } from '../inventory/vm-entry.ts';
import { PageCache } from './page-cache.ts';

const Position = z.object({ value: z.union([z.string(), z.number()]), id: z.string() });

const mostCachedBytes = 16 * 1_024 * 1_024;
const opening = Buffer.from('{"items":[');
const comma = Buffer.from(',');

/** Reads VMs: from memory, but for who asks the host to look. */
@Injectable()
export class VmQueries {
  private readonly pages = new PageCache(mostCachedBytes);

  constructor(
    private readonly bus: Bus,
    private readonly inventory: Inventory,
    private readonly hosts: Hosts,
    private readonly cursors: Cursors,
  ) {}

  /** The page as it is sent. */
  page(query: VmListQuery): Buffer {
    return this.pages.get(JSON.stringify(query), this.inventory.vms.version, () => this.makePage(query));
  }

  /** Throws `vm-not-found`. */
  get(id: VmId): VmEntry {
    return this.inventory.require(id);
  }

  /** Has the agent look now. Throws what the agent answers, or `host-offline`. */
  async look(id: VmId, requestId: string): Promise<VmEntry> {
    this.inventory.require(id);
    const { host, nativeId } = parseVmId(id);
    const { vm, revision } = await ask(this.bus, readVm, host, { nativeId }, { requestId });
    if (vm.id !== id) throw new ProblemError('host-rejected', `The agent of host ${host} answered with ${vm.id}.`);
    return this.inventory.renew(vm, revision);
  }

  /** Throws `vm-not-found`, `capability-missing`, `wrong-state` if the VM is off, what the agent answers, or `host-offline`. */
  guest(id: VmId, requestId: string): Promise<GuestReport> {
    const { host, nativeId, state } = this.inventory.require(id).record;
    this.hosts.requireCapability(host, 'guest');
    // Like its readings, a guest is there while the VM is powered on.
    const verdict = verdictOn('metrics', state);
    if (!verdict.allowed) throw new ProblemError('wrong-state', `No guest runs in ${id}. ${verdict.reason}`);
    return ask(this.bus, readGuest, host, { nativeId }, { requestId });
  }

  /** Throws `vm-not-found`, `capability-missing`, what the agent answers, or `host-offline`. */
  definition(id: VmId, requestId: string): Promise<NativeDefinition> {
    const { host, nativeId } = this.inventory.require(id).record;
    this.hosts.requireCapability(host, 'export');
    return ask(this.bus, readDefinition, host, { nativeId }, { requestId });
  }

  /** Put together from the bytes of its VMs. */
  private makePage({ sort, limit, cursor, ...filter }: VmListQuery): Buffer {
    // A cursor names a place in one order and means nothing in another.
    const list = `vms by ${sort}`;
    const after = cursor === undefined ? undefined : this.cursors.open(list, cursor, Position);
    const { items, next } = this.inventory.vms.page(sort, filter, limit, after);
    const chunks: Buffer[] = [opening];
    for (const [n, item] of items.entries()) {
      if (n > 0) chunks.push(comma);
      chunks.push(item);
    }
    chunks.push(Buffer.from(next ? `],"nextCursor":"${this.cursors.seal(list, next)}"}` : ']}'));
    return Buffer.concat(chunks);
  }
}
