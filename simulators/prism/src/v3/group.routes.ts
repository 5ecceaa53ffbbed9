import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { numberAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import { groupEntities, type GroupEntity } from '../metrics/group-entities.ts';
import { downsampled, isStatistic, type Point } from '../metrics/downsampling.ts';
import { alignedDown, SAMPLE_MS } from '../metrics/noise.ts';
import type { Prism } from '../prism.ts';
import type { Lookup, Scalar } from '../query/fiql.ts';
import { V3Error } from './errors.ts';
import { filtered, ordered } from './list.ts';
import { bodyOf } from './request.ts';
import { groupsRequest } from './schemas/infrastructure.ts';

/** Times of values are epoch microseconds. */
const usecs = (ms: number): number => ms * 1000;

/** How many points one attribute of one entity may give, so that a careless interval costs no more than memory for a page. */
const MAX_POINTS = 10_000;

interface Wish {
  readonly attributes: readonly JsonObject[];
  readonly start: number;
  readonly end: number;
  readonly everyMs: number;
  readonly unsampled: readonly string[];
  readonly mostMembers: number;
}

export function groupRoutes(app: FastifyInstance, prism: Prism): void {
  app.post('/groups', (request, reply) => {
    const body = bodyOf(prism, request, groupsRequest);
    const type = stringAt(body, 'entity_type') ?? '';
    const all = groupEntities(prism, type);
    if (all === undefined)
      throw new V3Error(422, 'INVALID_ARGUMENT', `Given input is invalid. Unknown entity type ${type}`);
    const now = prism.clock.now();
    const latest = alignedDown(now);
    const lookup: Lookup<GroupEntity> = (entity, name) => {
      if (!entity.isMetric(name)) return entity.attribute(name);
      const value = entity.sample(name, latest);
      return value === undefined ? [] : [value];
    };
    const ids = body['entity_ids'];
    const wanted = Array.isArray(ids) && ids.length > 0 ? new Set(ids) : undefined;
    const chosen = wanted === undefined ? all : all.filter(({ id }) => wanted.has(id));
    const found = filtered(chosen, stringAt(body, 'filter_criteria'), lookup);
    const wish: Wish = {
      attributes: objectsAt(body, 'group_member_attributes'),
      start: numberAt(body, 'interval_start_ms') ?? 0,
      end: numberAt(body, 'interval_end_ms') || now,
      everyMs: Math.max(SAMPLE_MS, (numberAt(body, 'downsampling_interval') ?? 30) * 1000),
      unsampled: prism.knobs.get('metrics.unsampled'),
      mostMembers: prism.knobs.get('v3.maxGroupMembers'),
    };
    const groups = grouped(found, stringAt(body, 'grouping_attribute'), lookup);
    const groupOffset = numberAt(body, 'group_offset') ?? 0;
    const groupCount = numberAt(body, 'group_count') ?? groups.size;
    return sendJson(reply, 200, {
      entity_type: type,
      filtered_entity_count: found.length,
      filtered_group_count: groups.size,
      total_entity_count: all.length,
      total_group_count: groups.size,
      group_results: [...groups]
        .slice(groupOffset, groupOffset + groupCount)
        .map(([value, members]) => groupResult(value, members, body, lookup, wish, latest)),
    });
  });
}

/** One group with an empty value when nothing is grouped by; none at all of no entities. */
function grouped(
  entities: readonly GroupEntity[],
  attribute: string | undefined,
  lookup: Lookup<GroupEntity>,
): Map<string, GroupEntity[]> {
  const groups = new Map<string, GroupEntity[]>();
  if (attribute === undefined) return entities.length === 0 ? groups : groups.set('', [...entities]);
  for (const entity of entities) {
    const value = String(lookup(entity, attribute)?.[0] ?? '');
    groups.set(value, [...(groups.get(value) ?? []), entity]);
  }
  return groups;
}

function groupResult(
  value: string,
  members: readonly GroupEntity[],
  body: JsonObject,
  lookup: Lookup<GroupEntity>,
  wish: Wish,
  latest: number,
): JsonObject {
  const sortBy = stringAt(body, 'group_member_sort_attribute');
  const sign = body['group_member_sort_order'] === 'DESCENDING' ? -1 : 1;
  const key = (entity: GroupEntity): Scalar => (sortBy === undefined ? '' : (lookup(entity, sortBy)?.[0] ?? ''));
  const sorted =
    sortBy === undefined
      ? members
      : members
          .map((entity) => ({ entity, key: key(entity) }))
          .sort((a, b) => sign * ordered(a.key, b.key))
          .map(({ entity }) => entity);
  const offset = numberAt(body, 'group_member_offset') ?? 0;
  const count = Math.min(numberAt(body, 'group_member_count') ?? sorted.length, wish.mostMembers);
  const page = sorted.slice(offset, offset + count);
  return {
    group_by_column_value: value,
    group_summaries: {},
    total_entity_count: members.length,
    entity_results: page.map((entity) => ({
      entity_id: entity.id,
      data: wish.attributes.map((attribute) => column(entity, attribute, wish, latest)),
    })),
  };
}

function column(entity: GroupEntity, wanted: JsonObject, wish: Wish, latest: number): JsonObject {
  const name = stringAt(wanted, 'attribute') ?? '';
  if (entity.isMetric(name)) {
    const points = wish.unsampled.includes(name) ? [] : pointsOf(entity, name, wanted['operation'], wish, latest);
    return {
      data_type: 'int64',
      name,
      values: points.map(({ at, value }) => ({ time: usecs(at), values: [String(value)] })),
    };
  }
  const values = entity.attribute(name) ?? [];
  const data_type = typeof values[0] === 'number' ? 'int64' : 'string';
  return {
    data_type,
    name,
    values: values.length === 0 ? [] : [{ time: usecs(entity.changedAt), values: values.map(String) }],
  };
}

function pointsOf(entity: GroupEntity, name: string, operation: unknown, wish: Wish, latest: number): Point[] {
  const point = (at: number): Point[] => {
    const value = entity.sample(name, at);
    return value === undefined ? [] : [{ at, value }];
  };
  if (wish.start === 0) return point(latest);
  const first = Math.max(wish.start, entity.sampledFrom, wish.end - MAX_POINTS * SAMPLE_MS);
  const points: Point[] = [];
  for (let at = alignedDown(first + SAMPLE_MS - 1); at <= Math.min(wish.end, latest); at += SAMPLE_MS)
    points.push(...point(at));
  return wish.everyMs <= SAMPLE_MS
    ? points
    : downsampled(points, wish.everyMs, isStatistic(operation) ? operation : 'AVG');
}
