import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { newUuid } from '../identity.ts';
import { numberAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { IdentifierRecord } from '../state/records.ts';
import { seconds } from '../time.ts';
import { notFound } from '../vms/refusal.ts';
import { bodyOf } from './request.ts';
import { identifiersRequest } from './schemas/infrastructure.ts';

const view = (record: IdentifierRecord): JsonObject => ({
  client_identifier: record.uuid,
  count: record.uuids.length,
  expiration_time: seconds(record.expiresAt),
  uuid_list: record.uuids,
});

/** UUIDs that a client may give to what it creates, so that a repeated create makes nothing twice. */
export function identifierRoutes(app: FastifyInstance, prism: Prism): void {
  const find = (request: FastifyRequest): IdentifierRecord => {
    const name = (request.params as { client_identifier: string }).client_identifier;
    const record = prism.store.get('identifier', name);
    if (record === undefined || record.expiresAt < prism.clock.now()) throw notFound('idempotence_identifiers', name);
    return record;
  };

  app.post('/idempotence_identifiers', (request, reply) => {
    const body = bodyOf(prism, request, identifiersRequest);
    const name = stringAt(body, 'client_identifier') ?? newUuid();
    const known = prism.store.get('identifier', name);
    // The same client identifier names the same UUIDs for as long as they are valid.
    if (known !== undefined && known.expiresAt > prism.clock.now()) return sendJson(reply, 200, view(known));
    const minutes = numberAt(body, 'valid_duration_in_minutes') ?? 527040;
    const record: IdentifierRecord = {
      uuid: name,
      uuids: Array.from({ length: numberAt(body, 'count') ?? 1 }, () => newUuid()),
      expiresAt: prism.clock.now() + minutes * 60_000,
    };
    prism.store.commit([['identifier', name, record]]);
    return sendJson(reply, 200, view(record));
  });

  app.get('/idempotence_identifiers/:client_identifier', (request, reply) => sendJson(reply, 200, view(find(request))));

  app.delete('/idempotence_identifiers/:client_identifier', (request, reply) => {
    prism.store.commit([['identifier', find(request).uuid, null]]);
    return sendJson(reply, 200, null);
  });
}
