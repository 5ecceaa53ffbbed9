import {
  nameKey,
  vmIdOf,
  type HostId,
  type NativeId,
  type OperationId,
  type VmId,
  type VmListQuery,
  type VmRecord,
} from '@polyvirt/contracts';
import { SortedIndex, type Position, type SortValue } from './sorted-index.ts';
import { noAnnotation, VmEntry, type Annotation } from './vm-entry.ts';
import { matcherOf, type VmFilter } from './vm-filter.ts';

export interface Totals {
  vms: number;
  running: number;
  cpus: number;
  memoryMiB: number;
  runningCpus: number;
  runningMemoryMiB: number;
}

export type VmSort = VmListQuery['sort'];

/** VMs as they are sent, and where the next part begins. */
export interface VmPart {
  readonly items: Buffer[];
  readonly next?: Position;
}

type SortKey = 'name' | 'host' | 'state' | 'cpus' | 'memoryMiB' | 'createdAt' | 'observedAt';

const unknown = -1;

const sortValues: Record<SortKey, (entry: VmEntry) => SortValue> = {
  name: (entry) => entry.nameOrder,
  host: ({ record }) => record.host,
  state: ({ record }) => record.state,
  // What is unknown comes before everything that is known.
  cpus: ({ record }) => record.cpus ?? unknown,
  memoryMiB: ({ record }) => record.memoryMiB ?? unknown,
  createdAt: (entry) => entry.createdAtMs,
  observedAt: (entry) => entry.observedAtMs,
};

const noTotals = (): Totals => ({ vms: 0, running: 0, cpus: 0, memoryMiB: 0, runningCpus: 0, runningMemoryMiB: 0 });

/**
 * Every VM in memory. An index is made when a list first asks for its order and is kept up from then on, so that the
 * first load of a large house sorts once instead of inserting one by one.
 */
export class VmTable {
  private readonly entries = new Map<VmId, VmEntry>();
  private readonly indexes = new Map<SortKey, SortedIndex<VmEntry>>();
  private readonly names = new Map<string, Set<VmId>>();
  private readonly totals = new Map<HostId, Totals>();
  private readonly annotations = new Map<VmId, Annotation>();
  private readonly operations = new Map<VmId, OperationId>();
  private changes = 0;

  /** Another one after each change of anything that is shown. */
  get version(): number {
    return this.changes;
  }

  get size(): number {
    return this.entries.size;
  }

  get(id: VmId): VmEntry | undefined {
    return this.entries.get(id);
  }

  all(): Iterable<VmEntry> {
    return this.entries.values();
  }

  put(record: VmRecord, revision: number): void {
    this.replace(new VmEntry(record, revision, this.annotationOf(record.id), this.operations.get(record.id)));
  }

  remove(host: HostId, nativeId: NativeId): void {
    const entry = this.entries.get(vmIdOf(host, nativeId));
    if (!entry) return;
    this.changes++;
    this.entries.delete(entry.id);
    for (const index of this.indexes.values()) index.remove(entry);
    this.forgetName(entry);
    this.count(entry, -1);
  }

  annotationOf(id: VmId): Annotation {
    return this.annotations.get(id) ?? noAnnotation;
  }

  /** Kept also for a VM that is not there yet: the record and what we say of it arrive by different ways. */
  annotate(id: VmId, annotation: Annotation | undefined): void {
    if (annotation) this.annotations.set(id, annotation);
    else this.annotations.delete(id);
    const entry = this.entries.get(id);
    if (entry) this.replace(new VmEntry(entry.record, entry.revision, annotation ?? noAnnotation, entry.operation));
  }

  occupy(id: VmId, operation: OperationId | undefined): void {
    if (operation !== undefined) this.operations.set(id, operation);
    else this.operations.delete(id);
    const entry = this.entries.get(id);
    if (entry && entry.operation !== operation)
      this.replace(new VmEntry(entry.record, entry.revision, entry.annotation, operation));
  }

  /** VMs of a host. */
  *of(host: HostId): Iterable<VmRecord> {
    for (const { record } of this.entries.values()) if (record.host === host) yield record;
  }

  /** A VM of the host, other than `except`, that has this name. */
  named(host: HostId, name: string, except?: VmId): VmId | undefined {
    for (const id of this.names.get(nameSlot(host, nameKey(name))) ?? []) if (id !== except) return id;
    return undefined;
  }

  totalsOf(host: HostId): Readonly<Totals> {
    return this.totals.get(host) ?? noTotals();
  }

  idsOf(filter: VmFilter, limit: number): VmId[] {
    const matches = matcherOf(filter);
    const ids: VmId[] = [];
    this.index('name').walk(undefined, false, (entry) => {
      if (!matches || matches(entry)) ids.push(entry.id);
      return ids.length < limit;
    });
    return ids;
  }

  /** A part of the list in the order of `sort`; a minus in front of it reverses. */
  page(sort: VmSort, filter: VmFilter, limit: number, after?: Position): VmPart {
    const descending = sort.startsWith('-');
    const index = this.index((descending ? sort.slice(1) : sort) as SortKey);
    const matches = matcherOf(filter);
    const items: Buffer[] = [];
    let last: VmEntry | undefined;
    let more = false;
    index.walk(after, descending, (entry) => {
      if (matches && !matches(entry)) return true;
      if (items.length === limit) {
        more = true;
        return false;
      }
      items.push(entry.json);
      last = entry;
      return true;
    });
    return more && last ? { items, next: index.positionOf(last) } : { items };
  }

  private index(key: SortKey): SortedIndex<VmEntry> {
    let index = this.indexes.get(key);
    if (!index) this.indexes.set(key, (index = new SortedIndex(sortValues[key], this.entries.values())));
    return index;
  }

  private replace(next: VmEntry): void {
    this.changes++;
    const previous = this.entries.get(next.id);
    this.entries.set(next.id, next);
    if (previous) {
      for (const index of this.indexes.values()) index.replace(previous, next);
      this.forgetName(previous);
      this.count(previous, -1);
    } else for (const index of this.indexes.values()) index.add(next);
    const slot = nameSlot(next.record.host, next.nameKey);
    const named = this.names.get(slot);
    if (named) named.add(next.id);
    else this.names.set(slot, new Set([next.id]));
    this.count(next, 1);
  }

  private forgetName(entry: VmEntry): void {
    const slot = nameSlot(entry.record.host, entry.nameKey);
    const named = this.names.get(slot);
    named?.delete(entry.id);
    if (named?.size === 0) this.names.delete(slot);
  }

  /** What is unknown adds nothing. */
  private count({ record: { host, state, cpus = 0, memoryMiB = 0 } }: VmEntry, sign: 1 | -1): void {
    const totals = this.totals.get(host) ?? noTotals();
    totals.vms += sign;
    totals.cpus += sign * cpus;
    totals.memoryMiB += sign * memoryMiB;
    if (state === 'running') {
      totals.running += sign;
      totals.runningCpus += sign * cpus;
      totals.runningMemoryMiB += sign * memoryMiB;
    }
    this.totals.set(host, totals);
  }
}

// A host id has no line break, so the two parts cannot run into each other.
const nameSlot = (host: HostId, key: string) => `${host}\n${key}`;
