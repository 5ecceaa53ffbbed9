import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EntityKind } from '../entities/entity.effects.ts';
import { factsOf } from '../http/caller.ts';
import { sendJson } from '../http/reply.ts';
import { numberAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { Scalar } from '../query/fiql.ts';
import type { EntityRecord } from '../state/records.ts';
import { checkReferences } from '../vms/references.ts';
import { optional } from '../vms/vm-defaults.ts';
import { acceptedBody, deletedBody, entityBody, firstValues } from './envelope.ts';
import { commonAttributes, listAnswer } from './list.ts';
import { bodyOf, categoriesOf, reservedUuid, uuidParam } from './request.ts';
import type { Schema } from './schema.ts';
import { listRequest } from './schemas/metadata.ts';

export interface EntityRoutes {
  readonly kind: EntityKind;
  /** Plural, as in the path. */
  readonly path: string;
  readonly schema: Schema;
  /** What `status.resources` shows beyond the record. */
  readonly live?: (entity: EntityRecord) => JsonObject;
  readonly attribute?: (entity: EntityRecord, attribute: string) => readonly Scalar[] | undefined;
  /** Members of a new record that only this kind has. */
  readonly extra?: (spec: JsonObject) => JsonObject;
  /** @throws Refusal or V3Error for a spec that its schema lets through. */
  readonly checkSpec?: (spec: JsonObject) => void;
}

/** Create, list, read, update and delete of a plain intent kind. */
export function entityRoutes(app: FastifyInstance, prism: Prism, options: EntityRoutes): void {
  const { kind, path, schema } = options;
  const view = (entity: EntityRecord, inList: boolean): JsonObject =>
    entityBody(prism, kind, entity, inList, options.live?.(entity));

  const specOf = (request: FastifyRequest): { body: JsonObject; spec: JsonObject } => {
    const body = bodyOf(prism, request, schema);
    const spec = objectAt(body, 'spec');
    const cluster = stringAt(objectAt(spec, 'cluster_reference'), 'uuid');
    if (cluster !== undefined) checkReferences(prism.site, [{ kind: 'cluster', uuid: cluster }]);
    options.checkSpec?.(spec);
    return { body, spec };
  };

  app.post(`/${path}`, (request, reply) => {
    const { body, spec } = specOf(request);
    const metadata = objectAt(body, 'metadata');
    const wish = {
      spec,
      ...optional('categories', categoriesOf(metadata)),
      ...optional('uuid', reservedUuid(prism, stringAt(metadata, 'uuid'))),
      ...optional('extra', options.extra?.(spec)),
    };
    const { entity, task } = prism.entities.create(kind, wish, factsOf(request));
    return sendJson(reply, 202, acceptedBody(kind, entity.uuid, entity.specVersion, spec, task.uuid));
  });

  app.post(`/${path}/list`, (request, reply) => {
    const body = bodyOf(prism, request, listRequest(kind));
    const all = (prism.store.all(kind) as EntityRecord[]).filter(
      (entity) => entity.state !== 'PENDING' || entity.specVersion > 0,
    );
    return sendJson(
      reply,
      200,
      listAnswer(prism, body, {
        kind,
        entities: all,
        lookup: (entity, attribute) => options.attribute?.(entity, attribute) ?? commonAttributes(entity)[attribute],
        view: (entity) => view(entity, true),
      }),
    );
  });

  app.get(`/${path}/:uuid`, (request, reply) =>
    sendJson(reply, 200, view(prism.entities.find(kind, uuidParam(request)), false)),
  );

  app.put(`/${path}/:uuid`, (request, reply) => {
    const uuid = uuidParam(request);
    prism.entities.find(kind, uuid);
    const { body, spec } = specOf(request);
    const metadata = objectAt(body, 'metadata');
    const wish = {
      spec,
      ...optional('categories', categoriesOf(metadata)),
      ...optional('specVersion', numberAt(metadata, 'spec_version')),
    };
    const { entity, task } = prism.entities.update(kind, uuid, wish, factsOf(request));
    return sendJson(reply, 202, acceptedBody(kind, entity.uuid, entity.specVersion, spec, task.uuid));
  });

  app.delete(`/${path}/:uuid`, (request, reply) => {
    const { entity, task } = prism.entities.delete(kind, uuidParam(request), factsOf(request));
    return sendJson(reply, 202, deletedBody(kind, firstValues(entity.categories), task.uuid));
  });
}
