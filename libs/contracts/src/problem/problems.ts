/**
 * Every problem Polyvirt can answer with, on HTTP and on the bus alike. `retryable` says whether the same request may
 * succeed later without being changed. Design section 6.
 */
export const problems = {
  'invalid-input': { status: 400, title: 'The request is not valid', retryable: false },
  unauthenticated: { status: 401, title: 'The credential is missing or not valid', retryable: false },
  forbidden: { status: 403, title: 'Not allowed', retryable: false },
  'confirmation-required': { status: 403, title: 'Give your password again first', retryable: false },
  'vm-not-found': { status: 404, title: 'No such VM', retryable: false },
  'host-not-found': { status: 404, title: 'No such host', retryable: false },
  'operation-not-found': { status: 404, title: 'No such operation', retryable: false },
  'snapshot-not-found': { status: 404, title: 'No such snapshot', retryable: false },
  'image-not-found': { status: 404, title: 'No such image', retryable: false },
  'network-not-found': { status: 404, title: 'No such network', retryable: false },
  'template-not-found': { status: 404, title: 'No such template', retryable: false },
  'device-not-found': { status: 404, title: 'No such device', retryable: false },
  'volume-not-found': { status: 404, title: 'No such volume', retryable: false },
  'archive-not-found': { status: 404, title: 'No such archive', retryable: false },
  'file-not-found': { status: 404, title: 'No such file', retryable: false },
  'metrics-not-found': { status: 404, title: 'No metrics yet', retryable: true },
  'user-not-found': { status: 404, title: 'No such user', retryable: false },
  'token-not-found': { status: 404, title: 'No such token', retryable: false },
  'subscriber-not-found': { status: 404, title: 'No such subscriber', retryable: false },
  'session-not-found': { status: 404, title: 'No such session', retryable: false },
  'console-not-found': { status: 404, title: 'No such console ticket', retryable: false },
  'route-not-found': { status: 404, title: 'No such address', retryable: false },
  'method-not-allowed': { status: 405, title: 'This address does not take that method', retryable: false },
  'wrong-state': { status: 409, title: 'Not possible in this state', retryable: false },
  'vm-busy': { status: 409, title: 'Another operation is running', retryable: true },
  'name-taken': { status: 409, title: 'The name is in use', retryable: false },
  'volume-in-use': { status: 409, title: 'A VM needs the volume', retryable: false },
  'name-ambiguous': { status: 409, title: 'Several have this name', retryable: false },
  'vm-protected': { status: 409, title: 'The VM is protected', retryable: false },
  'cursor-expired': { status: 410, title: 'The events after this cursor are gone', retryable: false },
  'stale-revision': { status: 412, title: 'Somebody else changed it first', retryable: false },
  'body-too-large': { status: 413, title: 'The body is too large', retryable: false },
  'unsupported-media-type': { status: 415, title: 'Send JSON', retryable: false },
  'range-not-satisfiable': { status: 416, title: 'The file does not reach that far', retryable: false },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key belongs to another request', retryable: false },
  'too-many-requests': { status: 429, title: 'Slow down', retryable: true },
  internal: { status: 500, title: 'Something went wrong', retryable: false },
  'capability-missing': { status: 501, title: 'This host cannot do that', retryable: false },
  'host-rejected': { status: 502, title: 'The hypervisor said no', retryable: false },
  'host-offline': { status: 503, title: 'The host is offline', retryable: true },
  unavailable: { status: 503, title: 'Not ready', retryable: true },
  'timed-out': { status: 504, title: 'It took too long', retryable: true },
  expired: { status: 504, title: 'The command expired before it began', retryable: true },
  'insufficient-capacity': { status: 507, title: 'Not enough capacity', retryable: false },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ProblemCode = keyof typeof problems;

export const problemCodes = Object.keys(problems) as [ProblemCode, ...ProblemCode[]];
