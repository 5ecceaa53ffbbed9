import type { FastifyRequest } from 'fastify';
import { ADMIN_UUID } from '../identity.ts';
import type { RequestFacts } from '../knobs/fault-rules.ts';
import type { Asker } from '../vms/vm-service.ts';

export const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

/** What a fault rule may look at. */
export const factsOf = (request: FastifyRequest): RequestFacts => ({
  method: request.method,
  path: pathOf(request),
  ...(request.body === undefined || request.body === null || typeof request.body !== 'object'
    ? {}
    : { body: bodyText(request.body) }),
});

/** Streams of image bytes are no text that a rule could match. */
const bodyText = (body: object): string => ('pipe' in body ? '' : JSON.stringify(body));

export const askerOf = (request: FastifyRequest, origin: 'v3' | 'v4'): Asker => ({
  facts: factsOf(request),
  userUuid: ADMIN_UUID,
  origin,
});
