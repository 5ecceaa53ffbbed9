import type { JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { Fiql, FilterError, type Lookup, type Scalar } from '../query/fiql.ts';
import { V3Error, invalidRequest } from './errors.ts';

export interface ListKind<T> {
  readonly kind: string;
  readonly entities: readonly T[];
  /** Values of the attributes that can be filtered and sorted by. */
  readonly lookup: Lookup<T>;
  readonly view: (entity: T) => JsonObject;
  /** Always everything, whatever the request says. */
  readonly ignorePaging?: boolean;
  /** Metadata of the answer is only kind and total_matches. */
  readonly bareMetadata?: boolean;
}

/** Answers a v3 list request. @throws V3Error for a length over the limit or a filter that cannot be used. */
export function listAnswer<T>(prism: Prism, request: JsonObject, { lookup, view, ...list }: ListKind<T>): JsonObject {
  const max = prism.knobs.get('v3.maxLength');
  let length = Number(request['length'] ?? prism.knobs.get('v3.defaultLength'));
  if (length > max && !list.ignorePaging) {
    if (prism.knobs.get('v3.overMaxLength') === 'reject')
      throw invalidRequest({ length: [`${length} is greater than the maximum of ${max}`] });
    length = max;
  }
  const offset = Number(request['offset'] ?? 0);
  const found = sorted(filtered(list.entities, request['filter'] as string | undefined, lookup), request, lookup);
  const page = list.ignorePaging ? found : found.slice(offset, offset + length);
  const entities = page.map(view);
  const echoed = ['filter', 'sort_attribute', 'sort_order'].filter((key) => request[key] !== undefined);
  const metadata: JsonObject = list.bareMetadata
    ? { kind: list.kind, total_matches: found.length }
    : {
        ...Object.fromEntries(echoed.map((key) => [key, request[key]])),
        kind: list.kind,
        offset: list.ignorePaging ? 0 : offset,
        length: entities.length,
        total_matches: found.length,
      };
  return { api_version: '3.1', metadata, entities };
}

export function filtered<T>(entities: readonly T[], text: string | undefined, lookup: Lookup<T>): readonly T[] {
  if (text === undefined || text.trim() === '') return entities;
  const filter = parsed(text);
  const [sample] = entities;
  if (sample !== undefined)
    for (const attribute of filter.attributes())
      if (lookup(sample, attribute) === undefined)
        throw new V3Error(
          400,
          'INVALID_ARGUMENT',
          `Given input is invalid. Schema empty or does not contain type for ${attribute}`,
        );
  return entities.filter((entity) => matches(filter, entity, lookup));
}

function parsed(text: string): Fiql {
  try {
    return Fiql.parse(text);
  } catch (error) {
    throw asV3(error);
  }
}

function matches<T>(filter: Fiql, entity: T, lookup: Lookup<T>): boolean {
  try {
    return filter.matches(entity, lookup);
  } catch (error) {
    throw asV3(error);
  }
}

const asV3 = (error: unknown): unknown =>
  error instanceof FilterError
    ? new V3Error(400, 'INVALID_ARGUMENT', `Given input is invalid. ${error.message}`)
    : error;

function sorted<T>(entities: readonly T[], request: JsonObject, lookup: Lookup<T>): readonly T[] {
  const attribute = request['sort_attribute'];
  if (typeof attribute !== 'string') return entities;
  const sign = request['sort_order'] === 'DESCENDING' ? -1 : 1;
  const keyed = entities.map((entity) => ({ entity, key: lookup(entity, attribute)?.[0] ?? '' }));
  return keyed.sort((a, b) => sign * ordered(a.key, b.key)).map(({ entity }) => entity);
}

export const ordered = (a: Scalar, b: Scalar): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;

/** Attributes that every intent entity has, by the names that filters use. */
export function commonAttributes(entity: {
  readonly uuid: string;
  readonly name: string;
  readonly categories?: Readonly<Record<string, readonly string[]>>;
}): Record<string, readonly Scalar[]> {
  const categories = Object.entries(entity.categories ?? {}).flatMap(([key, values]) =>
    values.map((value) => `${key}:${value}`),
  );
  return {
    name: [entity.name],
    uuid: [entity.uuid],
    entity_uuid: [entity.uuid],
    categories,
    category_name: categories,
  };
}
