import { numberAt, objectsAt, textAt, type JsonObject } from './json.ts';
import type { PrismClient } from './prism-client.ts';

/** A few attributes of one entity; several values of one are joined by a comma. What Prism does not know is absent. */
export interface GroupRow {
  readonly uuid: string;
  readonly values: Readonly<Record<string, string>>;
  /** Of the sample or of the last change of each, epoch microseconds. */
  readonly times: Readonly<Record<string, number>>;
}

export interface GroupQuery {
  readonly type: string;
  readonly attributes: readonly string[];
  /** Attribute that gives pages an order; without it they are in Prism's. */
  readonly sortBy?: string;
  readonly filter?: string | undefined;
}

const PAGE = 500;

/**
 * A few attributes of all entities of a type, by the call that is made for that. Pages may be shorter than was asked for, so
 * the last one is known by the count of all, or by being empty.
 */
export async function groupRows(
  client: PrismClient,
  { type, attributes, sortBy, filter }: GroupQuery,
  signal: AbortSignal,
): Promise<GroupRow[]> {
  const rows = new Map<string, GroupRow>();
  for (let offset = 0; ;) {
    const answer = await client.v3('POST', '/groups', signal, {
      entity_type: type,
      group_member_count: PAGE,
      group_member_offset: offset,
      ...(sortBy === undefined ? {} : { group_member_sort_attribute: sortBy, group_member_sort_order: 'ASCENDING' }),
      group_member_attributes: attributes.map((attribute) => ({ attribute })),
      ...(filter === undefined ? {} : { filter_criteria: filter }),
    });
    const results = objectsAt(answer, 'group_results').flatMap((group) => objectsAt(group, 'entity_results'));
    const before = rows.size;
    for (const result of results) {
      const uuid = textAt(result, 'entity_id') ?? '';
      rows.set(uuid, { uuid, ...columnsOf(result) });
    }
    offset += results.length;
    // One that ignores the offset answers what is known already.
    if (rows.size === before || offset >= (numberAt(answer, 'filtered_entity_count') ?? Infinity))
      return [...rows.values()].filter(({ uuid }) => uuid !== '');
  }
}

/** Every value is a text; one that was never sampled is absent, and Prism says -1 for what it cannot measure. */
export function amount(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === '' || !Number.isFinite(value) || value < 0 ? undefined : value;
}

function columnsOf(result: JsonObject): Pick<GroupRow, 'values' | 'times'> {
  const values: Record<string, string> = {};
  const times: Record<string, number> = {};
  for (const column of objectsAt(result, 'data')) {
    const name = textAt(column, 'name') ?? '';
    // Of several samples the last is the newest.
    const sample = objectsAt(column, 'values').at(-1);
    const list = sample?.['values'];
    if (!Array.isArray(list) || list.length === 0) continue;
    values[name] = list.map(String).join(',');
    if (typeof sample?.['time'] === 'number') times[name] = sample['time'];
  }
  return { values, times };
}
