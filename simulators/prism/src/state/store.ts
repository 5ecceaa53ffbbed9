import type { Journal } from './journal.ts';
import type { Change, RecordKind, Records } from './records.ts';

type Tables = { [K in RecordKind]: Map<string, Records[K]> };
type Listener<K extends RecordKind> = (before: Records[K] | undefined, after: Records[K] | undefined) => void;

const KINDS: readonly RecordKind[] = [
  'vm',
  'task',
  'image',
  'subnet',
  'project',
  'volume_group',
  'webhook',
  'host',
  'cluster',
  'container',
  'category',
  'recoveryPoint',
  'identifier',
  'requestId',
  'meta',
];

/** Lines beyond twice the number of records, plus this, make the journal worth rewriting. */
const SLACK_LINES = 5000;

/** All records in memory, and on disk before anyone can see them. Records are replaced, never changed in place. */
export class Store {
  private readonly tables = Object.fromEntries(KINDS.map((kind) => [kind, new Map()])) as unknown as Tables;
  private readonly listeners = new Map<RecordKind, Listener<RecordKind>[]>();

  constructor(private readonly journal: Journal) {
    for (const line of journal.read()) for (const change of line as Change[]) this.apply(change);
    this.rewriteWhenLong();
  }

  get isEmpty(): boolean {
    return this.tables.cluster.size === 0;
  }

  get<K extends RecordKind>(kind: K, uuid: string): Records[K] | undefined {
    return this.tables[kind].get(uuid);
  }

  all<K extends RecordKind>(kind: K): Records[K][] {
    return [...this.tables[kind].values()];
  }

  count(kind: RecordKind): number {
    return this.tables[kind].size;
  }

  /** Makes all the changes or, when the disk refuses, none. */
  commit(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.journal.append(changes);
    for (const change of changes) this.apply(change);
    this.rewriteWhenLong();
  }

  /** The listener hears of every record that is there now, then of each change. */
  follow<K extends RecordKind>(kind: K, listener: Listener<K>): void {
    for (const record of this.tables[kind].values()) listener(undefined, record);
    const list = this.listeners.get(kind) ?? [];
    list.push(listener as unknown as Listener<RecordKind>);
    this.listeners.set(kind, list);
  }

  close(): void {
    this.journal.close();
  }

  private apply([kind, uuid, record]: Change): void {
    const table = this.tables[kind] as Map<string, Records[RecordKind]>;
    const before = table.get(uuid);
    if (record === null) table.delete(uuid);
    else table.set(uuid, record);
    for (const listener of this.listeners.get(kind) ?? []) listener(before, record ?? undefined);
  }

  private rewriteWhenLong(): void {
    const records = KINDS.reduce((sum, kind) => sum + this.tables[kind].size, 0);
    if (this.journal.length <= 2 * records + SLACK_LINES) return;
    this.journal.rewrite(this.snapshot());
  }

  private *snapshot(): Iterable<unknown> {
    for (const kind of KINDS) for (const [uuid, record] of this.tables[kind]) yield [[kind, uuid, record]];
  }
}
