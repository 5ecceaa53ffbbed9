import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Bus, openBucket, type Bucket, type WrittenChange } from '@polyvirt/bus';
import {
  buckets,
  keys,
  parseVmId,
  ProblemError,
  splitKey,
  vmIdOf,
  VmRecord,
  type HostId,
  type VmId,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { Readiness } from '../health/readiness.ts';
import { LOGGER } from '../logger.ts';
import { Annotations } from './annotations.ts';
import { RevisionClock } from './revision-clock.ts';
import type { VmEntry } from './vm-entry.ts';
import { VmTable } from './vm-table.ts';

/** Told of each change of a VM; no entry means that it is gone. */
export type VmListener = (id: VmId, entry: VmEntry | undefined) => void;

/** Every VM of every host, in memory: `polyvirt_inventory` as it is watched, joined with what we say of each VM. */
@Injectable()
export class Inventory implements OnModuleInit, OnModuleDestroy {
  readonly vms = new VmTable();
  private readonly clock = new RevisionClock();
  private readonly stopping = new AbortController();
  private readonly listeners = new Set<VmListener>();
  private watching: Promise<void> = Promise.resolve();
  private complete = false;
  private readonly bucket: Bucket<VmRecord>;
  /** Revisions that came by another way before the watch told them. */
  private readonly ahead = new Map<VmId, number>();

  constructor(
    bus: Bus,
    private readonly annotations: Annotations,
    readiness: Readiness,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.bucket = openBucket(bus, buckets.inventory, VmRecord);
    readiness.add('inventory', () => {
      if (!this.complete) throw new ProblemError('unavailable', 'The inventory is still being read.');
    });
  }

  /** Resolves when everything there was has been read, so that nobody is told that a VM does not exist. */
  async onModuleInit(): Promise<void> {
    await new Promise<void>((caughtUp) => {
      this.watching = this.watch(caughtUp);
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.watching;
  }

  /** Throws `vm-not-found`. */
  require(id: VmId): VmEntry {
    const entry = this.vms.get(id);
    if (entry) return entry;
    throw new ProblemError('vm-not-found', `There is no VM ${id}.`);
  }

  /** Whether memory has come as far as a revision of the bucket, waiting for it if need be. */
  reached(revision: number, timeoutMs: number): Promise<boolean> {
    return this.clock.reached(revision, timeoutMs);
  }

  /** Reads some VMs from the bucket itself, when the watch is late. Throws when the bus does not answer before the signal aborts. */
  async readFromBucket(ids: readonly VmId[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        const { host, nativeId } = parseVmId(id);
        const change = await this.bucket.latest(keys.vm(host, nativeId), signal);
        if (!change || (this.vms.get(id)?.revision ?? 0) >= change.revision) return;
        this.apply(change);
        // What the watch has yet to tell of it is older.
        this.ahead.set(id, change.revision);
      }),
    );
  }

  onChange(listener: VmListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes a record that the host has just answered with, unless memory is ahead of it. */
  renew(record: VmRecord, revision: number): VmEntry {
    const known = this.vms.get(record.id);
    if (!known || known.revision < revision) {
      this.ahead.set(record.id, revision);
      this.put(record, revision);
    }
    return this.require(record.id);
  }

  /** Forgets the VMs of a host that was removed. */
  drop(host: HostId): void {
    for (const { id, nativeId } of [...this.vms.of(host)]) {
      this.vms.remove(host, nativeId);
      this.tell(id, undefined);
    }
  }

  async loadAnnotations(): Promise<void> {
    for (const [id, annotation] of await this.annotations.all()) this.vms.annotate(id, annotation);
  }

  /** Reads again what the database says of some VMs. */
  async readAnnotations(ids: readonly VmId[]): Promise<void> {
    const found = await this.annotations.read(ids);
    for (const id of ids) this.vms.annotate(id, found.get(id));
  }

  private async watch(caughtUp: () => void): Promise<void> {
    const { signal } = this.stopping;
    for await (const change of this.bucket.watch('>', signal)) {
      if (change.type === 'caught-up') {
        this.complete = true;
        caughtUp();
      } else {
        this.apply(change);
        this.clock.advance(change.revision);
      }
    }
    caughtUp();
  }

  private apply(change: WrittenChange<VmRecord>): void {
    const { host, id: nativeId } = splitKey(change.key);
    const id = vmIdOf(host, nativeId);
    if ((this.ahead.get(id) ?? 0) > change.revision) return;
    this.ahead.delete(id);
    if (change.type === 'delete') {
      this.vms.remove(host, nativeId);
      this.tell(id, undefined);
    } else if (change.value.id === id && change.value.host === host && change.value.nativeId === nativeId) {
      this.put(change.value, change.revision);
    } else {
      // The bus lets an agent write its own keys only; what it writes there must be its own too.
      this.logger.error({ key: change.key, claims: change.value.id }, 'a record is not of the VM its key names');
    }
  }

  private put(record: VmRecord, revision: number): void {
    this.vms.put(record, revision);
    this.tell(record.id, this.vms.get(record.id));
  }

  private tell(id: VmId, entry: VmEntry | undefined): void {
    for (const listener of this.listeners) listener(id, entry);
  }
}
