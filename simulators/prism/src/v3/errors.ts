import type { Json, JsonObject } from '../json.ts';
import type { Knobs } from '../knobs/knob-table.ts';
import type { Refusal } from '../vms/refusal.ts';
import type { Complaints } from './schema.ts';

/** An answer in the error form of v3. */
export class V3Error extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    readonly details?: Json,
  ) {
    super(message);
  }
}

export function v3ErrorBody(error: V3Error, kind: string | undefined): JsonObject {
  return {
    api_version: '3.1',
    code: error.status,
    ...(kind === undefined ? {} : { kind }),
    message_list: [
      {
        message: error.message,
        reason: error.reason,
        ...(error.details === undefined ? {} : { details: error.details }),
      },
    ],
    state: 'ERROR',
  };
}

export const invalidRequest = (details: Complaints): V3Error =>
  new V3Error(422, 'INVALID_REQUEST', 'Request could not be processed.', details);

const CONFLICTS: Readonly<Record<Knobs['v3.conflictForm'], readonly [reason: string, message: string]>> = {
  paired: ['CONCURRENT_REQUESTS_NOT_ALLOWED', 'Edit conflict: please retry change.'],
  editConflict: ['INVALID_REQUEST', 'Edit conflict: please retry change.'],
  concurrent: ['CONCURRENT_REQUESTS_NOT_ALLOWED', 'Concurrent requests on the entity are not allowed.'],
};

/** The v3 words for a refused request. */
export function v3Refusal(refusal: Refusal, knobs: Knobs): V3Error {
  switch (refusal.kind) {
    case 'notFound':
      return new V3Error(404, 'ENTITY_NOT_FOUND', refusal.message);
    case 'busy':
      return new V3Error(409, 'CONCURRENT_REQUESTS_NOT_ALLOWED', refusal.message);
    case 'stale': {
      const [reason, message] = CONFLICTS[knobs['v3.conflictForm']];
      return new V3Error(409, reason, message);
    }
    case 'exists':
      return new V3Error(409, 'ENTITY_ALREADY_EXISTS', refusal.message);
    case 'unknownReference':
      return new V3Error(422, 'INVALID_ARGUMENT', `Given input is invalid. ${refusal.message}`);
    case 'invalid':
      return new V3Error(422, 'INVALID_REQUEST', refusal.message);
    case 'tooMany':
      return new V3Error(429, 'TOO_MANY_REQUESTS', refusal.message);
    case 'notSupported':
      return new V3Error(422, 'ACTION_NOT_SUPPORTED', refusal.message);
  }
}
