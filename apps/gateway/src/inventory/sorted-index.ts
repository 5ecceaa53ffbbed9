export type SortValue = string | number;

/** A place between two entries of a list: after the one with this value and id, whether it still exists or not. */
export interface Position {
  readonly value: SortValue;
  readonly id: string;
}

/**
 * Entries in the order of one value, ties broken by id. Finding a place is a binary search, so that a page out of
 * many thousands costs what the page costs.
 */
export class SortedIndex<Entry extends { readonly id: string }> {
  private readonly entries: Entry[];

  constructor(
    private readonly valueOf: (entry: Entry) => SortValue,
    entries: Iterable<Entry>,
  ) {
    this.entries = [...entries].sort((a, b) => compare(valueOf(a), a.id, valueOf(b), b.id));
  }

  get size(): number {
    return this.entries.length;
  }

  positionOf(entry: Entry): Position {
    return { value: this.valueOf(entry), id: entry.id };
  }

  add(entry: Entry): void {
    this.entries.splice(this.firstNotBefore(this.valueOf(entry), entry.id), 0, entry);
  }

  /** `entry` is the very one that was added: its value finds it. */
  remove(entry: Entry): void {
    const at = this.firstNotBefore(this.valueOf(entry), entry.id);
    if (this.entries[at]?.id === entry.id) this.entries.splice(at, 1);
  }

  /** Puts `next` in the place of `previous`, which has the same id. */
  replace(previous: Entry, next: Entry): void {
    if (this.valueOf(previous) !== this.valueOf(next)) {
      this.remove(previous);
      this.add(next);
      return;
    }
    const at = this.firstNotBefore(this.valueOf(next), next.id);
    if (this.entries[at]?.id === next.id) this.entries[at] = next;
  }

  /** Visits the entries behind `after` until `visit` says false. */
  walk(after: Position | undefined, descending: boolean, visit: (entry: Entry) => boolean): void {
    if (descending) {
      for (let at = after ? this.firstNotBefore(after.value, after.id) - 1 : this.size - 1; at >= 0; at--)
        if (!visit(this.entries[at]!)) return;
      return;
    }
    for (let at = after ? this.firstBehind(after) : 0; at < this.size; at++) if (!visit(this.entries[at]!)) return;
  }

  private firstNotBefore(value: SortValue, id: string): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.entries[middle]!;
      if (compare(this.valueOf(entry), entry.id, value, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private firstBehind({ value, id }: Position): number {
    const at = this.firstNotBefore(value, id);
    const entry = this.entries[at];
    return entry && entry.id === id && this.valueOf(entry) === value ? at + 1 : at;
  }
}

function compare(a: SortValue, aId: string, b: SortValue, bId: string): number {
  if (a !== b) return a < b ? -1 : 1;
  if (aId === bId) return 0;
  return aId < bId ? -1 : 1;
}
