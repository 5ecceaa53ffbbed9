import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { compact, numberAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { CategoryRecord, VmRecord } from '../state/records.ts';
import { optional } from '../vms/vm-defaults.ts';
import { V3Error } from './errors.ts';
import { listAnswer } from './list.ts';
import { bodyOf } from './request.ts';
import { categoryKey, categoryQuery, categoryValue } from './schemas/infrastructure.ts';
import { listRequest } from './schemas/metadata.ts';

const keyBody = (key: CategoryRecord): JsonObject =>
  compact({
    api_version: '3.1',
    name: key.key,
    description: key.description,
    system_defined: key.system,
    capabilities: { cardinality: key.cardinality },
  });

const valueBody = (value: CategoryRecord): JsonObject =>
  compact({
    api_version: '3.1',
    name: value.key,
    value: value.value,
    description: value.description,
    system_defined: value.system,
  });

const param = (request: FastifyRequest, name: string): string => (request.params as Record<string, string>)[name] ?? '';

/** Categories are flat and immediate: no spec, no status, no task. */
export function categoryRoutes(app: FastifyInstance, prism: Prism): void {
  const find = (id: string): CategoryRecord => {
    const category = prism.store.get('category', id);
    if (category === undefined) throw new V3Error(404, 'ENTITY_NOT_FOUND', `category : ${id} does not exist.`);
    return category;
  };
  const valuesOf = (key: string): CategoryRecord[] =>
    prism.store.all('category').filter((category) => category.key === key && category.value !== undefined);
  const users = (key: string, value?: string): VmRecord[] =>
    prism.store.all('vm').filter((vm) => {
      const values = vm.categories[key] ?? [];
      return value === undefined ? values.length > 0 : values.includes(value);
    });

  app.post('/categories/list', (request, reply) => {
    const body = bodyOf(prism, request, listRequest('category'));
    const keys = prism.store.all('category').filter(({ value }) => value === undefined);
    return sendJson(reply, 200, listed(body, keys, keyBody));
  });

  app.post('/categories/:name/list', (request, reply) => {
    const body = bodyOf(prism, request, listRequest('category'));
    const { key } = find(param(request, 'name'));
    return sendJson(reply, 200, listed(body, valuesOf(key), valueBody));
  });

  const listed = (
    body: JsonObject,
    entities: CategoryRecord[],
    view: (category: CategoryRecord) => JsonObject,
  ): JsonObject =>
    listAnswer(prism, body, {
      kind: 'category',
      entities,
      lookup: (category, attribute) => {
        if (attribute === 'name') return [category.key];
        if (attribute === 'value') return category.value === undefined ? [] : [category.value];
        return attribute === 'system_defined' ? [category.system] : undefined;
      },
      view,
    });

  app.get('/categories/:name', (request, reply) => sendJson(reply, 200, keyBody(find(param(request, 'name')))));
  app.get('/categories/:name/:value', (request, reply) =>
    sendJson(reply, 200, valueBody(find(`${param(request, 'name')}/${param(request, 'value')}`))),
  );

  app.put('/categories/:name', (request, reply) => {
    const key = param(request, 'name');
    const body = bodyOf(prism, request, categoryKey);
    const before = prism.store.get('category', key);
    const record: CategoryRecord = {
      uuid: key,
      key,
      ...optional('description', stringAt(body, 'description')),
      system: before?.system ?? false,
      cardinality: numberAt(objectAt(body, 'capabilities'), 'cardinality') ?? before?.cardinality ?? 64,
    };
    prism.store.commit([['category', key, record]]);
    return sendJson(reply, before === undefined ? 201 : 200, keyBody(record));
  });

  app.put('/categories/:name/:value', (request, reply) => {
    const key = find(param(request, 'name'));
    const value = param(request, 'value');
    const body = bodyOf(prism, request, categoryValue);
    const id = `${key.key}/${value}`;
    const before = prism.store.get('category', id);
    const record: CategoryRecord = {
      uuid: id,
      key: key.key,
      value,
      ...optional('description', stringAt(body, 'description')),
      system: before?.system ?? false,
      cardinality: key.cardinality,
    };
    prism.store.commit([['category', id, record]]);
    return sendJson(reply, before === undefined ? 201 : 200, valueBody(record));
  });

  app.delete('/categories/:name', (request, reply) => {
    const key = find(param(request, 'name'));
    if (key.system) throw new V3Error(403, 'ACCESS_DENIED', `category : ${key.key} is system defined.`);
    if (valuesOf(key.key).length > 0)
      throw new V3Error(409, 'ENTITY_DELETION_FAILED', `category : ${key.key} still has values.`);
    prism.store.commit([['category', key.key, null]]);
    return reply.code(200).send();
  });

  app.delete('/categories/:name/:value', (request, reply) => {
    const value = find(`${param(request, 'name')}/${param(request, 'value')}`);
    if (value.system) throw new V3Error(403, 'ACCESS_DENIED', `category : ${value.uuid} is system defined.`);
    if (users(value.key, value.value).length > 0)
      throw new V3Error(409, 'ENTITY_DELETION_FAILED', `category : ${value.uuid} is still in use.`);
    prism.store.commit([['category', value.uuid, null]]);
    return reply.code(200).send();
  });

  app.post('/category/query', (request, reply) => {
    const body = bodyOf(prism, request, categoryQuery);
    const filter = objectAt(body, 'category_filter');
    const params = Object.entries(objectAt(filter, 'params')) as [string, string[]][];
    const matches = (vm: VmRecord): boolean => {
      const tests = params.map(([key, values]) => values.some((value) => vm.categories[key]?.includes(value)));
      return filter['type'] === 'CATEGORIES_MATCH_ALL' ? tests.every(Boolean) : tests.some(Boolean);
    };
    const found = prism.store.all('vm').filter(matches);
    const offset = numberAt(body, 'group_member_offset') ?? 0;
    const page = found.slice(offset, offset + (numberAt(body, 'group_member_count') ?? 20));
    return sendJson(reply, 200, {
      api_version: '3.1',
      metadata: { total_matches: found.length, offset, length: page.length },
      results: [
        {
          kind: 'vm',
          total_entity_count: found.length,
          kind_reference_list: page.map((vm) => ({ kind: 'vm', uuid: vm.uuid, name: vm.name })),
        },
      ],
    });
  });
}
