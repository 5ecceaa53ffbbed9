import { type z } from 'zod';

/**
 * Demands that no two items of a list have the same key, and points to the second. `field` is where in the item the key
 * stands; an item without a key is like no other.
 */
export const unique =
  <Item>(keyOf: (item: Item) => string | undefined, error: string, field?: string) =>
  (items: readonly Item[], context: z.RefinementCtx): void => {
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const key = keyOf(item);
      if (key === undefined) continue;
      if (seen.has(key))
        context.addIssue({ code: 'custom', path: field === undefined ? [index] : [index, field], message: error });
      seen.add(key);
    }
  };
