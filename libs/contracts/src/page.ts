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

/** Query of a list without filters. */
export const PageQuery = z.strictObject(paging).meta({ id: 'PageQuery' });
export type PageQuery = z.infer<typeof PageQuery>;

/** As many as one filter takes, unless it says otherwise. */
const fewValues = 64;

/**
 * Several values of one filter. A query writes them with commas, `running,paused`, or repeats the parameter; a comma that
 * belongs to a value is written as `\,`. JSON gives one text or a list of values.
 */
export const severalOf = <Item extends z.ZodType>(item: Item, most = fewValues) =>
  z
    .preprocess((given) => (typeof given === 'string' ? splitValues(given) : given), z.array(item).min(1).max(most))
    .meta({ several: true });

/** The values of a text: `a,b` are two, `a\,b` is one. */
export const splitValues = (text: string): string[] =>
  text.split(/(?<!\\),/).map((value) => value.replaceAll('\\,', ','));
