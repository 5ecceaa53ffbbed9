import type { FastifyRequest } from 'fastify';
import { isObject, type Json, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { FilterError } from '../query/fiql.ts';
import { ODataFilter, valuesAt } from '../query/odata.ts';
import { V4SchemaError } from './errors.ts';

/** Prefix of task ids: base64 of `ergon`. */
export const TASK_PREFIX = 'ZXJnb24=:';
const RESERVED = { $fv: 'v4.r1' } as const;

const flags = (isPaginated: boolean): JsonObject[] => [
  { name: 'hasError', value: false },
  { name: 'isPaginated', value: isPaginated },
  { name: 'isTruncated', value: false },
];

/** Address of the request as its sender wrote it. */
const hrefOf = (request: FastifyRequest): string => `https://${request.headers.host ?? 'localhost'}${request.url}`;

export function single(
  request: FastifyRequest,
  data: JsonObject,
  type: string,
  parts: readonly string[] = [],
): JsonObject {
  const href = hrefOf(request).split('?', 1)[0] ?? '';
  return {
    data: { $reserved: RESERVED, ...data },
    $objectType: type,
    $reserved: RESERVED,
    metadata: {
      flags: flags(false),
      links: [{ rel: 'self', href }, ...parts.map((rel) => ({ rel, href: `${href}/${rel}` }))],
    },
  };
}

/** The answer to an accepted write. */
export const taskReference = (request: FastifyRequest, taskUuid: string, type: string): JsonObject => ({
  data: { $reserved: RESERVED, $objectType: 'prism.v4.config.TaskReference', extId: `${TASK_PREFIX}${taskUuid}` },
  $objectType: type,
  $reserved: RESERVED,
  metadata: { flags: flags(false), links: [{ rel: 'self', href: hrefOf(request) }] },
});

interface ListQuery {
  readonly page: number;
  readonly limit: number;
  readonly filter?: string;
  readonly orderby?: string;
  readonly select?: readonly string[];
}

const QUERY_NAMES = ['$page', '$limit', '$filter', '$orderby', '$select', '$expand', '$apply'];

/** @throws V4SchemaError for numbers out of range, which are not clamped. */
function listQuery(prism: Prism, request: FastifyRequest): ListQuery {
  const query = request.query as Record<string, string | undefined>;
  const complaints: Record<string, string[]> = {};
  const number = (name: string, fallback: number, min: number, max: number): number => {
    const text = query[name];
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      complaints[name] = [`${name} must be a whole number from ${min} to ${max}`];
    return value;
  };
  for (const name of Object.keys(query))
    if (name.startsWith('$') && !QUERY_NAMES.includes(name))
      complaints[name] = [`${name} is not a known query parameter`];
  const page = number('$page', 0, 0, Number.MAX_SAFE_INTEGER);
  const limit = number('$limit', prism.knobs.get('v4.defaultLimit'), 1, 100);
  if (Object.keys(complaints).length > 0) throw new V4SchemaError('query', complaints);
  return {
    page,
    limit,
    ...(query['$filter'] ? { filter: query['$filter'] } : {}),
    ...(query['$orderby'] ? { orderby: query['$orderby'] } : {}),
    ...(query['$select'] && query['$select'] !== '*'
      ? { select: query['$select'].split(',').map((name) => name.trim()) }
      : {}),
  };
}

/** Answers a v4 list. `view` is only asked for what is on the page, unless the query needs all of it. @throws V4SchemaError */
export function listed<T>(
  prism: Prism,
  request: FastifyRequest,
  entities: readonly T[],
  view: (entity: T) => JsonObject,
  type: string,
): JsonObject {
  const query = listQuery(prism, request);
  const start = query.page * query.limit;
  const needsAll = query.filter !== undefined || query.orderby !== undefined;
  const chosen = needsAll ? ordered(filtered(entities.map(view), query.filter), query.orderby) : entities;
  const page = chosen.slice(start, start + query.limit);
  const items = (needsAll ? (page as JsonObject[]) : (page as T[]).map(view)).map((item) =>
    selected(item, query.select),
  );
  return {
    ...(items.length === 0 ? {} : { data: marked(prism, items) }),
    $objectType: type,
    $reserved: RESERVED,
    metadata: {
      flags: flags(true),
      links: pageLinks(request, query, chosen.length),
      totalAvailableResults: chosen.length,
    },
  };
}

function filtered(items: readonly JsonObject[], text: string | undefined): readonly JsonObject[] {
  if (text === undefined) return items;
  try {
    const filter = ODataFilter.parse(text);
    return items.filter((item) => filter.matches(item));
  } catch (error) {
    if (error instanceof FilterError) throw new V4SchemaError('query', { $filter: [error.message] });
    throw error;
  }
}

function ordered(items: readonly JsonObject[], text: string | undefined): readonly JsonObject[] {
  if (text === undefined) return items;
  const keys = text.split(',').map((part) => {
    const [path = '', direction = 'asc'] = part.trim().split(/\s+/);
    return { path, sign: direction.toLowerCase() === 'desc' ? -1 : 1 };
  });
  const compare = (a: Json | undefined, b: Json | undefined): number =>
    typeof a === 'number' && typeof b === 'number'
      ? a - b
      : String(a ?? '') < String(b ?? '')
        ? -1
        : String(a ?? '') > String(b ?? '')
          ? 1
          : 0;
  return [...items].sort((a, b) => {
    for (const { path, sign } of keys) {
      const difference = compare(valuesAt(a, path)[0], valuesAt(b, path)[0]);
      if (difference !== 0) return sign * difference;
    }
    return 0;
  });
}

/** The fields asked for, with those that every object carries. */
function selected(item: JsonObject, names: readonly string[] | undefined): JsonObject {
  if (names === undefined) return item;
  return Object.fromEntries(
    Object.entries(item).filter(
      ([key]) => key.startsWith('$') || key === 'extId' || key === 'links' || names.includes(key),
    ),
  );
}

function pageLinks(request: FastifyRequest, query: ListQuery, total: number): JsonObject[] {
  const last = Math.max(0, Math.ceil(total / query.limit) - 1);
  const at = (page: number): string => {
    const url = new URL(hrefOf(request));
    url.searchParams.set('$page', String(page));
    url.searchParams.set('$limit', String(query.limit));
    return url.toString();
  };
  const links = [
    { rel: 'first', href: at(0) },
    { rel: 'self', href: hrefOf(request) },
  ];
  if (query.page > 0) links.push({ rel: 'prev', href: at(Math.min(query.page - 1, last)) });
  if (query.page < last) links.push({ rel: 'next', href: at(query.page + 1) });
  links.push({ rel: 'last', href: at(last) });
  return links;
}

/** The knob takes type marks away from all but the first element, as some releases do. */
export function marked(prism: Prism, items: readonly JsonObject[]): JsonObject[] {
  if (!prism.knobs.get('v4.markFirstOnly')) return [...items];
  return items.map((item, index) => (index === 0 ? item : (withoutMarks(item) as JsonObject)));
}

function withoutMarks(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '$objectType' && key !== '$reserved')
      .map(([key, member]) => [key, member === undefined ? undefined : withoutMarks(member)]),
  );
}
