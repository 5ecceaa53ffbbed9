import type { FastifyReply, FastifyRequest } from 'fastify';
import { isObject, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { Refusal } from '../vms/refusal.ts';
import { v3ErrorBody, v3Refusal, V3Error } from '../v3/errors.ts';
import { v4ErrorBody, v4Refusal, v4SchemaErrorBody, V4Error, V4SchemaError, VersionNotServed } from '../v4/errors.ts';
import { serviceOf } from '../v4/request.ts';
import { pathOf } from './caller.ts';
import { sendJson } from './reply.ts';

/** Reason of v3 and error group of v4 for an error that needs no more words than its status. */
const BY_STATUS: Readonly<Record<number, readonly [reason: string, message: string, group: string]>> = {
  400: ['INVALID_REQUEST', 'Request could not be processed.', 'INVALID_REQUEST'],
  401: ['AUTHENTICATION_REQUIRED', 'Authentication required.', 'AUTHENTICATION_REQUIRED'],
  403: ['ACCESS_DENIED', 'No permission to access the resource.', 'ACCESS_DENIED'],
  404: ['ENTITY_NOT_FOUND', 'The resource does not exist.', 'ENTITY_NOT_FOUND'],
  409: ['CONCURRENT_REQUESTS_NOT_ALLOWED', 'Edit conflict: please retry change.', 'CONFLICT'],
  412: ['INVALID_REQUEST', 'Precondition failed.', 'VM_ETAG_MISMATCH'],
  415: ['UNSUPPORTED_MEDIA_TYPE_ERROR', 'Unsupported media type.', 'UNSUPPORTED_MEDIA_TYPE'],
  422: ['INVALID_REQUEST', 'Request could not be processed.', 'INVALID_REQUEST'],
  429: ['TOO_MANY_REQUESTS', 'Too many requests.', 'RATE_LIMIT_EXCEEDED'],
  500: ['INTERNAL_ERROR', 'Internal Server Error', 'INTERNAL_ERROR'],
  503: ['SERVICE_UNAVAILABLE', 'Service is temporarily unavailable.', 'SERVICE_UNAVAILABLE'],
};

const isV4 = (path: string): boolean => path.startsWith('/api/') && !path.startsWith('/api/nutanix/');

const SINGULAR: Readonly<Record<string, string>> = {
  categories: 'category',
  groups: 'groups',
  batch: 'batch',
  category: 'category',
};

/** `kind` of a v3 error: what the path is about. */
function kindOf(path: string): string | undefined {
  const [, , , , plural] = path.split('/');
  if (plural === undefined || plural === '') return undefined;
  return SINGULAR[plural] ?? plural.replace(/s$/, '');
}

/** Answers with an error status in the form of the API that was called. */
export function sendStatus(
  prism: Prism,
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  words: { reason?: string; message?: string; body?: JsonObject | string } = {},
): FastifyReply {
  const path = pathOf(request);
  const retryAfter = prism.knobs.get('limits.retryAfterSeconds');
  if ((status === 429 || status === 503) && retryAfter > 0) reply.header('retry-after', retryAfter);
  if (words.body !== undefined)
    return isObject(words.body)
      ? sendJson(reply, status, words.body)
      : reply.code(status).type('text/html').send(words.body);
  if (status === 401) return sendUnauthorized(prism, request, reply);
  const [reason, message, group] = BY_STATUS[status] ?? BY_STATUS[500]!;
  const text = words.message ?? message;
  if (isV4(path)) {
    const error = new V4Error(status, `PLAT-10${status}`, words.reason ?? group, text);
    return sendJson(reply, status, v4ErrorBody(error, serviceOf(path)));
  }
  return sendJson(reply, status, v3ErrorBody(new V3Error(status, words.reason ?? reason, text), kindOf(path)));
}

function sendUnauthorized(prism: Prism, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.header('www-authenticate', 'Basic realm="Intent Gateway Login Required"');
  const form = prism.knobs.get('auth.unauthorizedBody');
  if (form === 'empty') return reply.code(401).send();
  if (form === 'html')
    return reply.code(401).type('text/html').send('<html><body><h1>401 Unauthorized</h1></body></html>');
  const path = pathOf(request);
  if (isV4(path)) {
    const error = new V4Error(401, 'PLAT-10401', 'AUTHENTICATION_REQUIRED', 'Authentication required.');
    return sendJson(reply, 401, v4ErrorBody(error, serviceOf(path)));
  }
  // Unlike other errors it has no kind: the gateway answers before it looks at the path.
  const error = new V3Error(
    401,
    'AUTHENTICATION_REQUIRED',
    'Authentication required.',
    'Basic realm="Intent Gateway Login Required"',
  );
  return sendJson(reply, 401, v3ErrorBody(error, undefined));
}

export function sendForbidden(prism: Prism, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const message = `No permission to access the resource. <Request '${pathOf(request)}' [${request.method}]>`;
  return sendStatus(prism, request, reply, 403, { message });
}

/** A path that nobody serves: the v3 gateway takes its first part for a kind, the v4 one answers plain text. */
export function sendNoSuchPath(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = pathOf(request);
  const kind = kindOf(path);
  if (!path.startsWith('/api/nutanix/v3/') || kind === undefined)
    return reply.code(404).type('text/plain').send(new VersionNotServed().message);
  const name = path.split('/')[5] ?? '';
  return sendJson(
    reply,
    404,
    v3ErrorBody(new V3Error(404, 'ENTITY_NOT_FOUND', `${kind} : ${name} does not exist.`), kind),
  );
}

interface HttpError {
  readonly statusCode: number;
}

const hasStatus = (error: unknown): error is HttpError => isObject(error) && typeof error['statusCode'] === 'number';

/** Turns whatever a route threw into an answer; what is no answer is a fault of the simulator and reported as such. */
export function sendError(
  prism: Prism,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  report: (error: unknown) => void,
): FastifyReply {
  const path = pathOf(request);
  if (error instanceof VersionNotServed) return reply.code(404).type('text/plain').send(error.message);
  if (error instanceof Refusal && error.kind === 'tooMany') return sendStatus(prism, request, reply, 429);
  if (error instanceof V4SchemaError)
    return sendJson(reply, 400, v4SchemaErrorBody(error, serviceOf(path), path, prism.clock.now()));
  if (isV4(path)) {
    const shown = error instanceof Refusal ? v4Refusal(error) : error;
    if (shown instanceof V4Error) return sendJson(reply, shown.status, v4ErrorBody(shown, serviceOf(path)));
  } else {
    const shown = error instanceof Refusal ? v3Refusal(error, prism.knobs.current) : error;
    if (shown instanceof V3Error) return sendJson(reply, shown.status, v3ErrorBody(shown, kindOf(path)));
  }
  // Bodies that are no JSON, too large, or of a type nobody reads.
  if (hasStatus(error) && error.statusCode < 500) return sendStatus(prism, request, reply, error.statusCode);
  report(error);
  return sendStatus(prism, request, reply, 500);
}
