import { Injectable } from '@nestjs/common';
import type { Page, PageQuery } from '@polyvirt/contracts';
import { z } from 'zod';
import { Cursors } from './cursor.ts';

const Position = z.object({ key: z.string(), nth: z.int() });
type Position = z.infer<typeof Position>;

/** Lists that are in memory as a whole and short enough to be put in order for each reader. */
@Injectable()
export class MemoryLists {
  constructor(private readonly cursors: Cursors) {}

  /**
   * The part of `items` that a query asks for, in the order of their keys; `list` names the list, for its cursors. Items that
   * come and go move nothing, as a cursor names the place after an item and not a number.
   */
  page<Item>(
    list: string,
    items: Iterable<Item>,
    keyOf: (item: Item) => string,
    { limit, cursor }: PageQuery,
  ): Page<Item> {
    const after = cursor === undefined ? undefined : this.cursors.open(list, cursor, Position);
    const rest = placed(items, keyOf).filter(({ at }) => after === undefined || isBehind(at, after));
    const part = rest.slice(0, limit);
    const last = rest.length > limit ? part.at(-1) : undefined;
    return {
      items: part.map(({ item }) => item),
      ...(last && { nextCursor: this.cursors.seal(list, last.at) }),
    };
  }
}

/** Keys need not be unique: of those that are equal the first has the number 0. */
function placed<Item>(items: Iterable<Item>, keyOf: (item: Item) => string): { item: Item; at: Position }[] {
  const counts = new Map<string, number>();
  return [...items]
    .map((item) => {
      const key = keyOf(item);
      const nth = counts.get(key) ?? 0;
      counts.set(key, nth + 1);
      return { item, at: { key, nth } };
    })
    .sort((one, other) => (isBehind(one.at, other.at) ? 1 : -1));
}

const isBehind = (one: Position, other: Position): boolean =>
  one.key === other.key ? one.nth > other.nth : one.key > other.key;
