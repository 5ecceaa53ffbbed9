import { z } from 'zod';

/** A part of a list. There are no page numbers: `nextCursor` is opaque and absent at the end. */
export const pageOf = <Item extends z.ZodType>(item: Item, id: string) =>
  z.object({ items: z.array(item), nextCursor: z.string().optional() }).meta({ id });

export interface Page<Item> {
  items: Item[];
  nextCursor?: string | undefined;
}

export const paging = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().min(1).max(1_024).optional().describe('`nextCursor` of the part before.'),
} as const;
