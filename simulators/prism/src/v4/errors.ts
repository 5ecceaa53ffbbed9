import type { Json, JsonObject } from '../json.ts';
import type { Complaints } from '../v3/schema.ts';
import type { Refusal } from '../vms/refusal.ts';

/** An answer in the error form of v4. */
export class V4Error extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly errorGroup: string,
    message: string,
    readonly args: JsonObject = {},
  ) {
    super(message);
  }
}

/** A request whose form is wrong: parameters out of range, fields of another type. */
export class V4SchemaError extends Error {
  constructor(
    readonly location: 'query' | 'body',
    readonly complaints: Complaints,
  ) {
    super('The request does not fit the schema.');
  }
}

/** A version of the API that this release does not serve. */
export class VersionNotServed extends Error {
  constructor() {
    super(
      'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.',
    );
  }
}

export const appMessage = (
  namespace: string,
  error: { code: string; errorGroup: string; message: string; args?: JsonObject },
): JsonObject => ({
  $objectType: `${namespace}.v4.error.AppMessage`,
  $reserved: { $fv: 'v4.r0' },
  message: error.message,
  severity: 'ERROR',
  code: error.code,
  locale: 'en-US',
  errorGroup: error.errorGroup,
  ...(error.args === undefined || Object.keys(error.args).length === 0 ? {} : { argumentsMap: error.args }),
});

/** Errors of the platform in front of the services carry its own type. */
const namespaceOf = (code: string, namespace: string): string => (code.startsWith('PLAT-') ? 'prism' : namespace);

export function v4ErrorBody(error: V4Error, service: string): JsonObject {
  const namespace = namespaceOf(error.code, service);
  return {
    data: {
      $objectType: `${namespace}.v4.error.ErrorResponse`,
      $reserved: { $fv: 'v4.r0' },
      $errorItemDiscriminator: `List<${namespace}.v4.error.AppMessage>`,
      error: [appMessage(namespace, error)],
    },
    $dataItemDiscriminator: `${namespace}.v4.error.ErrorResponse`,
  };
}

export function v4SchemaErrorBody(error: V4SchemaError, service: string, path: string, now: number): JsonObject {
  const type = `${service}.v4.error.SchemaValidationError`;
  const messages: Json[] = Object.entries(error.complaints).flatMap(([attributePath, texts]) =>
    texts.map((message) => ({
      $objectType: `${service}.v4.error.SchemaValidationErrorMessage`,
      location: error.location,
      message,
      attributePath,
    })),
  );
  return {
    data: {
      $objectType: `${service}.v4.error.ErrorResponse`,
      $errorItemDiscriminator: type,
      error: {
        $objectType: type,
        timestamp: new Date(now).toISOString(),
        statusCode: 400,
        error: 'Bad Request',
        path,
        validationErrorMessages: messages,
      },
    },
    $dataItemDiscriminator: `${service}.v4.error.ErrorResponse`,
  };
}

const UNKNOWN: Readonly<Record<string, readonly [code: string, group: string]>> = {
  cluster: ['VMM-30106', 'VM_CLUSTER_NOT_FOUND'],
  subnet: ['VMM-30604', 'VM_SUBNET_NOT_FOUND'],
  image: ['VMM-31201', 'VM_IMAGE_NOT_FOUND'],
};

/** The v4 words for a refused request. The README's limits say which codes are from real systems. */
export function v4Refusal(refusal: Refusal): V4Error {
  const { entityKind, entityUuid, message } = refusal;
  switch (refusal.kind) {
    case 'notFound':
      if (entityKind === 'vm') {
        const text = `Failed to perform the operation as the backend service could not find the entity with UUID '${entityUuid}'.`;
        return new V4Error(404, 'VMM-30100', 'VM_NOT_FOUND', text, { vm_uuid: entityUuid });
      }
      return new V4Error(404, 'PRISM-10001', 'ENTITY_NOT_FOUND', message, { ext_id: entityUuid });
    case 'stale':
      return new V4Error(412, 'VMM-30303', 'VM_ETAG_MISMATCH', ETAG_MISMATCH, { vm_uuid: entityUuid });
    case 'unknownReference': {
      const [code, group] = UNKNOWN[entityKind] ?? ['VMM-30102', 'VM_INVALID_ARGUMENT'];
      return new V4Error(400, code, group, message, { [`${entityKind}_uuid`]: entityUuid });
    }
    case 'invalid':
      return new V4Error(400, 'VMM-30102', 'VM_INVALID_ARGUMENT', message);
    case 'busy':
      return new V4Error(409, 'VMM-30111', 'VM_OPERATION_IN_PROGRESS', message, { vm_uuid: entityUuid });
    case 'exists':
      return new V4Error(409, 'PRISM-10002', 'ENTITY_ALREADY_EXISTS', message);
    case 'tooMany':
      return new V4Error(429, 'PLAT-10429', 'RATE_LIMIT_EXCEEDED', message);
    case 'notSupported':
      return new V4Error(400, 'VMM-30102', 'VM_INVALID_ARGUMENT', message);
  }
}

export const ETAG_MISMATCH =
  'If-Match header value passed in the request does not match the current value on the server. Fetch the entity again and retry.';
