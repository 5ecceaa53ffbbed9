import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from '../http/caller.ts';
import { sendJson } from '../http/reply.ts';
import { isUuid } from '../identity.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { check, type Schema } from '../v3/schema.ts';
import { Refusal } from '../vms/refusal.ts';
import { TASK_PREFIX } from './envelope.ts';
import { V4Error, v4ErrorBody, v4Refusal, V4SchemaError } from './errors.ts';

/** The id in a path, with or without the prefix of tasks. @throws V4SchemaError for a text that is no id. */
export function extIdParam(request: FastifyRequest, name = 'extId'): string {
  const value = (request.params as Record<string, string>)[name] ?? '';
  const id = value.startsWith(TASK_PREFIX) ? value.slice(TASK_PREFIX.length) : value;
  if (!isUuid(id)) throw new V4SchemaError('query', { [name]: [`${value} is not a valid UUID`] });
  return id.toLowerCase();
}

/** @throws V4SchemaError */
export function bodyOf(prism: Prism, request: FastifyRequest, schema: Schema): JsonObject {
  const body = (request.body ?? {}) as Json;
  const complaints = check(schema, body, { unknownKeys: prism.knobs.get('v4.unknownFields') });
  if (Object.keys(complaints).length > 0 || !isObject(body)) throw new V4SchemaError('body', complaints);
  return body;
}

/** Service a path belongs to, as `vmm`; the namespace of its types and errors. */
export const serviceOf = (path: string): string => path.split('/')[2] ?? 'prism';

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/**
 * Carries a write out once per NTNX-Request-Id: a repeat gets the first answer again, also when that was a refusal.
 * @throws V4Error 400 when a required id is missing, or is no UUID.
 */
export function once(
  prism: Prism,
  request: FastifyRequest,
  reply: FastifyReply,
  required: boolean,
  work: () => Answer,
): FastifyReply {
  const header = request.headers['ntnx-request-id'];
  const id = Array.isArray(header) ? header[0] : header;
  if (id === undefined || id === '') {
    if (required)
      throw new V4Error(400, 'VMM-30400', 'VM_MISSING_REQUEST_ID_HEADER', 'The NTNX-Request-Id header is missing.');
    const { status, body } = work();
    return sendJson(reply, status, body);
  }
  if (!isUuid(id))
    throw new V4Error(400, 'VMM-30401', 'VM_INVALID_REQUEST_ID_HEADER', `NTNX-Request-Id ${id} is not a UUID.`);
  const key = `${request.method} ${pathOf(request)} ${id.toLowerCase()}`;
  const now = prism.clock.now();
  const known = prism.store.get('requestId', key);
  if (known !== undefined && now - known.at < prism.knobs.get('v4.requestIdMinutes') * 60_000)
    return sendJson(reply, known.status, known.body);
  const { status, body } = attempted(request, work);
  prism.store.commit([['requestId', key, { uuid: key, status, body, at: now }]]);
  return sendJson(reply, status, body);
}

/** A refusal for what the request says is remembered; one for the state of things is not. */
function attempted(request: FastifyRequest, work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    const shown = error instanceof Refusal ? v4Refusal(error) : error;
    if (!(shown instanceof V4Error) || shown.status !== 400) throw error;
    return { status: shown.status, body: v4ErrorBody(shown, serviceOf(pathOf(request))) };
  }
}
