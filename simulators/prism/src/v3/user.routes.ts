import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { ADMIN_UUID } from '../identity.ts';
import type { JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { notFound } from '../vms/refusal.ts';
import { SPEC_HASH } from './envelope.ts';
import { commonAttributes, listAnswer } from './list.ts';
import { bodyOf, uuidParam } from './request.ts';
import { listRequest } from './schemas/metadata.ts';

export function userRoutes(app: FastifyInstance, prism: Prism): void {
  const user = { uuid: ADMIN_UUID, name: prism.username };
  const body = (inList: boolean): JsonObject => ({
    ...(inList ? {} : { api_version: '3.1' }),
    status: {
      state: 'COMPLETE',
      name: user.name,
      resources: {
        user_type: 'LOCAL',
        display_name: user.name,
        projects_reference_list: [],
        access_control_policy_reference_list: [],
        resource_usage_summary: { resource_domain: { resources: [] } },
      },
    },
    spec: { resources: {} },
    metadata: {
      kind: 'user',
      uuid: user.uuid,
      spec_version: 0,
      spec_hash: SPEC_HASH,
      categories: {},
      categories_mapping: {},
    },
  });

  app.get('/users/me', (_request, reply) => sendJson(reply, 200, body(false)));

  app.get('/users/info', (_request, reply) =>
    sendJson(reply, 200, {
      user_legacy_name: user.name,
      user_details: { username: user.name, user_uuid: user.uuid, display_name: user.name, user_type: 'LOCAL' },
      access_control_policy_list: [],
    }),
  );

  app.post('/users/list', (request, reply) => {
    const wish = bodyOf(prism, request, listRequest('user'));
    return sendJson(
      reply,
      200,
      listAnswer(prism, wish, {
        kind: 'user',
        entities: [user],
        lookup: (entity, attribute) => (attribute === 'username' ? [entity.name] : commonAttributes(entity)[attribute]),
        view: () => body(true),
      }),
    );
  });

  app.get('/users/:uuid', (request, reply) => {
    const uuid = uuidParam(request);
    if (uuid !== user.uuid) throw notFound('user', uuid);
    return sendJson(reply, 200, body(false));
  });
}
