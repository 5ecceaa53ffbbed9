import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { readEvents, type StoredEvent } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import type { CloudEvent, Operation } from '@polyvirt/contracts';
import { patienceMs, readVm } from '../requests.ts';
import type { Stack } from '../stack/stack.ts';

/** What has happened to one machine according to those who asked for it. */
interface Expected {
  readonly name: string;
  readonly events: string[];
  readonly snapshots: Set<string>;
  isDeleted: boolean;
}

const endings = ['operation.succeeded', 'operation.failed', 'operation.cancelled'];
/** Kinds of events that follow from what was asked for, once each. */
const counted = ['vm.created', 'vm.deleted', 'vm.started', 'vm.stopped', 'vm.snapshot-created', 'vm.cloned'];
const archiveFiles = ['metadata.json', 'README.md', 'backup_script.sh', 'snapshot_script.sh'];

/** Keeps what was asked for beside what the stream says, and compares both with what is there. */
export class Ledger {
  readonly #events: StoredEvent[] = [];
  readonly #machines = new Map<string, Expected>();
  readonly #end = new AbortController();
  #following: Promise<void>;

  constructor(private readonly stack: Stack) {
    this.#following = this.#follow();
  }

  get size(): number {
    return this.#machines.size;
  }

  made(vmId: string, name: string, { source, isOn = false }: { source?: string; isOn?: boolean } = {}): void {
    const events = ['vm.created', ...(isOn ? ['vm.started'] : [])];
    this.#machines.set(vmId, { name, events, snapshots: new Set(), isDeleted: false });
    if (source !== undefined) this.happened(source, 'vm.cloned');
  }

  happened(vmId: string, event: string): void {
    this.#of(vmId).events.push(event);
  }

  snapshotted(vmId: string, snapshot: string): void {
    this.#of(vmId).snapshots.add(snapshot);
    this.happened(vmId, 'vm.snapshot-created');
  }

  deleted(vmId: string): void {
    this.#of(vmId).isDeleted = true;
    this.happened(vmId, 'vm.deleted');
  }

  /** The operation has one end in the stream, and that end is what the API shows. */
  async requireOneEnd(shown: Operation): Promise<void> {
    const ends = () =>
      this.#events
        .map(({ event }) => event as CloudEvent<{ operation: Operation }>)
        .filter(({ type, subject }) => endings.includes(type) && subject === shown.id);
    await eventually(() => expect(ends()).not.toEqual([]), patienceMs);
    expect(ends().map(({ type }) => type)).toEqual([`operation.${shown.status}`]);
    const { status, vmId, changed, result, error, steps } = ends()[0]!.data.operation;
    expect(shown).toMatchObject(
      JSON.parse(JSON.stringify({ status, vmId, changed, result, error, steps })) as Partial<Operation>,
    );
  }

  /** What is there is what was asked for: machines, disks, records, events and archives. */
  async requireTruth(): Promise<void> {
    const { kvm, admin } = this.stack;
    const alive = [...this.#machines].filter(([, { isDeleted }]) => !isDeleted);
    expect(await kvm.machines()).toEqual(alive.map(([, { name }]) => name).sort());
    expect(await kvm.disksAstray()).toEqual({ unused: [], missing: [] });

    const { data: page } = await admin.GET('/api/v1/vms', {
      params: { query: { q: this.stack.prefix, limit: 500 } },
    });
    expect(page.items.map(({ id }) => id).sort()).toEqual(alive.map(([id]) => id).sort());
    for (const { operation } of page.items) expect(operation).toBeUndefined();
    for (const [id, { snapshots }] of alive) expect((await readVm(admin, id)).snapshotCount).toBe(snapshots.size);

    for (const [id, { events }] of this.#machines)
      expect([id, this.#countedOf(id).sort()]).toEqual([id, [...events].sort()]);
    const ids = this.#events.map(({ event }) => event.id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    for (const [id, expected] of this.#machines) await this.#requireArchive(id, expected);
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#following;
  }

  #countedOf(vmId: string): string[] {
    return this.#events
      .filter(({ event }) => event.subject === vmId && counted.includes(event.type))
      .map(({ event }) => event.type);
  }

  async #requireArchive(vmId: string, { name, events, isDeleted }: Expected): Promise<void> {
    const { admin } = this.stack;
    await eventually(async () => {
      const { data } = await admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } });
      expect(data.name).toBe(name);
      expect(data.deletedAt !== undefined).toBe(isDeleted);
      const history = data.history.map(({ event }) => event).filter((event) => counted.includes(event));
      expect([vmId, history.sort()]).toEqual([vmId, [...events].sort()]);
      for (const file of archiveFiles) await access(join(data.path, file));
      expect(await readFile(join(data.path, 'metadata.json'), 'utf8')).toContain(vmId);
    }, patienceMs);
  }

  #of(vmId: string): Expected {
    const found = this.#machines.get(vmId);
    if (!found) throw new RangeError(`nobody made ${vmId}`);
    return found;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#end;
    for await (const stored of readEvents(this.stack.bus, { fromSequence: 0, signal })) this.#events.push(stored);
  }
}
