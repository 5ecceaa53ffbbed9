import { isObject, objectAt, objectsAt, textAt, type JsonObject } from './json.ts';

/** Prism answered, and the answer is no. */
export class PrismError extends Error {
  override readonly name = 'PrismError';

  constructor(
    /** HTTP status; of a refusal inside a 200 the status that the body names. */
    readonly status: number,
    /** Word of v3 for the kind of refusal: `ENTITY_NOT_FOUND`. Not every answer has one. */
    readonly reason: string | undefined,
    message: string,
    /** Kind of the entity it is about: `vm`. */
    readonly kind: string | undefined,
    /** What `Retry-After` asks for, in seconds. */
    readonly retryAfterSeconds?: number,
    /** UUID of the entity that the call was for; a call for a whole kind has none. */
    readonly entity?: string,
  ) {
    super(message);
  }
}

/** No answer: the connection could not be made, or broke. */
export class PrismUnreachableError extends Error {
  override readonly name = 'PrismUnreachableError';
}

/** No answer in time. */
export class PrismTimeoutError extends Error {
  override readonly name = 'PrismTimeoutError';
}

/** The certificate is not the one that the operator trusts. */
export class PrismCertificateError extends Error {
  override readonly name = 'PrismCertificateError';
}

/** A task that ended without success. */
export class TaskFailedError extends Error {
  override readonly name = 'TaskFailedError';

  constructor(
    readonly task: string,
    readonly status: string,
    readonly operation: string | undefined,
    detail: string,
    readonly code: string | undefined,
  ) {
    super(detail);
  }
}

/** The refusal that an answer holds: by its status, or, as Prism does at times, in the body of a success. */
export function refusalIn(
  method: string,
  status: number,
  body: unknown,
  retryAfterSeconds: number | undefined,
  entity?: string,
): PrismError | undefined {
  const answer = isObject(body) ? body : undefined;
  const inner = objectAt(answer, 'status');
  const isRefused = answer?.['state'] === 'ERROR' || (method !== 'GET' && inner['state'] === 'ERROR');
  if (status < 400 && !isRefused) return undefined;
  const [message] = [...objectsAt(answer, 'message_list'), ...objectsAt(inner, 'message_list')];
  const reason = textAt(message, 'reason');
  const said = sentence(message) ?? v4Sentence(answer) ?? textAt(answer, 'description');
  const code = typeof answer?.['code'] === 'number' && status < 400 ? answer['code'] : status;
  return new PrismError(
    code >= 400 ? code : 500,
    reason ?? v4Group(answer),
    said ?? `HTTP ${status} without an explanation`,
    textAt(answer, 'kind'),
    retryAfterSeconds,
    entity,
  );
}

/** The message, with the details of a validation, which are where the fault is named. */
function sentence(message: JsonObject | undefined): string | undefined {
  const text = textAt(message, 'message');
  const details = message?.['details'];
  if (!isObject(details)) return text;
  const faults = Object.entries(details).flatMap(([at, what]) =>
    (Array.isArray(what) ? what : [what]).map((fault) => (at === '' ? String(fault) : `${at}: ${String(fault)}`)),
  );
  return faults.length > 0 ? `${text ?? ''} ${faults.join('; ')}`.trim() : text;
}

function v4Errors(answer: JsonObject | undefined): JsonObject | undefined {
  return objectsAt(objectAt(answer, 'data'), 'error')[0];
}

const v4Sentence = (answer: JsonObject | undefined): string | undefined => textAt(v4Errors(answer), 'message');
const v4Group = (answer: JsonObject | undefined): string | undefined => textAt(v4Errors(answer), 'errorGroup');
