import type { FastifyInstance } from 'fastify';
import { objectAt, stringAt } from '../json.ts';
import type { Prism } from '../prism.ts';
import { notFound } from '../vms/refusal.ts';
import { V3Error } from './errors.ts';
import { entityRoutes } from './entity.routes.ts';
import { webhookIntent } from './schemas/infrastructure.ts';
import { VM_EVENTS } from './webhook-delivery.ts';

export function webhookRoutes(app: FastifyInstance, prism: Prism): void {
  app.addHook('preHandler', async (request) => {
    if (!prism.knobs.get('v3.webhooks')) throw notFound('webhook', request.url);
  });
  entityRoutes(app, prism, {
    kind: 'webhook',
    path: 'webhooks',
    schema: webhookIntent,
    checkSpec(spec) {
      const events = objectAt(spec, 'resources')['events_filter_list'];
      if (!Array.isArray(events) || events.length === 0)
        throw new V3Error(422, 'UNSPECIFIED_EVENTS_FILTER', 'events_filter_list is required.');
      const unknown = events.filter((event) => !VM_EVENTS.includes(String(event)));
      if (unknown.length > 0)
        throw new V3Error(422, 'INCORRECT_EVENTS_FILTER', `Unknown events: ${unknown.join(', ')}`);
      if (!URL.canParse(stringAt(objectAt(spec, 'resources'), 'post_url') ?? ''))
        throw new V3Error(422, 'INVALID_REQUEST', 'post_url is not a valid URL.');
    },
    extra: (spec) => ({ events: objectAt(spec, 'resources')['events_filter_list'] ?? [] }),
  });
}
