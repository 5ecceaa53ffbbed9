import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { ADMIN_UUID } from '../identity.ts';
import { compact, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { CategoryRecord, Change } from '../state/records.ts';
import { optional } from '../vms/vm-defaults.ts';
import { Refusal, notFound } from '../vms/refusal.ts';
import { listed, single } from './envelope.ts';
import { V4Error } from './errors.ts';
import { etagOf } from './etag.ts';
import { bodyOf, extIdParam, once } from './request.ts';
import { category as categorySchema } from './schemas.ts';
import { categoryId } from './vm-view.ts';

const TYPE = 'prism.v4.config';

const idOf = (category: CategoryRecord): string => categoryId(category.key, category.value ?? '');

const categoryView = (category: CategoryRecord): JsonObject =>
  compact({
    $objectType: `${TYPE}.Category`,
    extId: idOf(category),
    key: category.key,
    value: category.value,
    type: category.system ? 'SYSTEM' : 'USER',
    description: category.description,
    ownerUuid: ADMIN_UUID,
  });

/** One object for each pair of key and value; immediate, as in v3. */
export function categoryRoutes(app: FastifyInstance, prism: Prism): void {
  const pairs = (): CategoryRecord[] => prism.store.all('category').filter(({ value }) => value !== undefined);
  const find = (id: string): CategoryRecord => {
    const category = pairs().find((candidate) => idOf(candidate) === id);
    if (category === undefined) throw notFound('category', id);
    return category;
  };

  app.get('/config/categories', (request, reply) =>
    sendJson(reply, 200, listed(prism, request, pairs(), categoryView, `${TYPE}.ListCategoriesApiResponse`)),
  );

  app.get('/config/categories/:extId', (request, reply) => {
    const category = find(extIdParam(request));
    reply.header('etag', etagOf(category.uuid, 0));
    return sendJson(reply, 200, single(request, categoryView(category), `${TYPE}.GetCategoryApiResponse`));
  });

  app.post('/config/categories', (request, reply) =>
    once(prism, request, reply, false, () => {
      const body = bodyOf(prism, request, categorySchema);
      const key = stringAt(body, 'key') ?? '';
      const value = stringAt(body, 'value') ?? '';
      if (prism.store.get('category', `${key}/${value}`) !== undefined)
        throw new Refusal('exists', 'category', `${key}/${value}`, `category : ${key}/${value} already exists.`);
      const described = optional('description', stringAt(body, 'description'));
      const shared = { key, ...described, system: false, cardinality: 64 };
      const record: CategoryRecord = { ...shared, uuid: `${key}/${value}`, value };
      const changes: Change[] = [['category', record.uuid, record]];
      if (prism.store.get('category', key) === undefined) changes.unshift(['category', key, { ...shared, uuid: key }]);
      prism.store.commit(changes);
      return { status: 201, body: single(request, categoryView(record), `${TYPE}.CreateCategoryApiResponse`) };
    }),
  );

  app.delete('/config/categories/:extId', (request, reply) => {
    const category = find(extIdParam(request));
    const used = prism.store.all('vm').some((vm) => vm.categories[category.key]?.includes(category.value ?? ''));
    if (category.system || used)
      throw new V4Error(
        400,
        'PRISM-10004',
        'CATEGORY_IN_USE',
        `category : ${category.uuid} is system defined or in use.`,
      );
    prism.store.commit([['category', category.uuid, null]]);
    return reply.code(204).send();
  });
}
