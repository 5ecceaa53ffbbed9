import { ApiProblem, type Problem } from '@polyvirt/api-client';
import { Exit, UsageError, type Command } from './declaration.ts';

/** Every exit code and what it means: the one table, of which the documentation has a copy. */
export const exitCodes = {
  ok: { code: 0, means: 'done, or already as asked' },
  failed: { code: 1, means: 'failed' },
  usage: { code: 2, means: 'the command line or its input is wrong' },
  notFound: { code: 3, means: 'not found' },
  denied: { code: 4, means: 'not logged in, or not allowed' },
  conflict: { code: 5, means: 'conflict: busy, wrong state, name taken or ambiguous, changed meanwhile' },
  timedOut: { code: 6, means: 'out of time; an operation that was waited for continues' },
  partial: { code: 7, means: 'done for some and not for others' },
  unreachable: { code: 8, means: 'host offline, or gateway unreachable' },
  interrupted: { code: 130, means: 'Ctrl-C; an operation that was waited for continues' },
} as const;

type Meaning = keyof typeof exitCodes;

/** Whether it may end well for some: what is named is many VMs, or an operation that may be a batch. */
const isForMany = ({ args = [], options = {} }: Command): boolean =>
  'timeout' in options && args.some(({ many, completes }) => many || completes === 'operation');

/** The codes with which a command may end. */
export function exitCodesOf(command: Command): Record<number, string> {
  const asks = !command.isLocal;
  const isPossible: Record<Meaning, boolean> = {
    ok: true,
    failed: true,
    usage: true,
    notFound: asks,
    denied: asks,
    conflict: asks,
    timedOut: asks,
    partial: isForMany(command),
    unreachable: asks,
    interrupted: asks,
  };
  const possible = (Object.keys(exitCodes) as Meaning[]).filter((meaning) => isPossible[meaning]);
  return Object.fromEntries(possible.map((meaning) => [exitCodes[meaning].code, exitCodes[meaning].means]));
}

const ofProblem: Readonly<Record<Problem['code'], Meaning>> = {
  'invalid-input': 'usage',
  unauthenticated: 'denied',
  forbidden: 'denied',
  'confirmation-required': 'denied',
  'vm-not-found': 'notFound',
  'host-not-found': 'notFound',
  'operation-not-found': 'notFound',
  'snapshot-not-found': 'notFound',
  'image-not-found': 'notFound',
  'network-not-found': 'notFound',
  'template-not-found': 'notFound',
  'device-not-found': 'notFound',
  'volume-not-found': 'notFound',
  'upload-not-found': 'notFound',
  'archive-not-found': 'notFound',
  'file-not-found': 'notFound',
  'metrics-not-found': 'notFound',
  'user-not-found': 'notFound',
  'token-not-found': 'notFound',
  'subscriber-not-found': 'notFound',
  'session-not-found': 'notFound',
  'console-not-found': 'notFound',
  'route-not-found': 'notFound',
  'method-not-allowed': 'usage',
  'wrong-state': 'conflict',
  'vm-busy': 'conflict',
  'name-taken': 'conflict',
  'join-token-used': 'conflict',
  'volume-in-use': 'conflict',
  'image-in-use': 'conflict',
  'name-ambiguous': 'conflict',
  'vm-protected': 'conflict',
  'cursor-expired': 'conflict',
  'join-token-expired': 'conflict',
  'stale-revision': 'conflict',
  'version-not-supported': 'usage',
  'body-too-large': 'usage',
  'unsupported-media-type': 'usage',
  'range-not-satisfiable': 'usage',
  'idempotency-key-reused': 'conflict',
  'too-many-requests': 'failed',
  internal: 'failed',
  'capability-missing': 'failed',
  'host-rejected': 'failed',
  'fetch-failed': 'failed',
  'host-offline': 'unreachable',
  unavailable: 'unreachable',
  'timed-out': 'timedOut',
  expired: 'timedOut',
  'insufficient-capacity': 'failed',
};

/** Exit code for a problem; one of a newer gateway is known by its HTTP status. */
export function exitCodeOf({ code, status }: Pick<Problem, 'code' | 'status'>): number {
  return exitCodes[ofProblem[code] ?? meaningOf(status)].code;
}

function meaningOf(status: number): Meaning {
  if (status === 401 || status === 403) return 'denied';
  if (status === 404 || status === 410) return 'notFound';
  if (status === 409 || status === 412) return 'conflict';
  if (status === 503) return 'unreachable';
  if (status === 504) return 'timedOut';
  return status >= 400 && status < 500 ? 'usage' : 'failed';
}

/** Whether there was no answer: what `fetch` throws for a connection that was refused or lost. */
export const isLost = (error: unknown): boolean => {
  const { name, message } = (error ?? {}) as Partial<Error>;
  return name === 'TypeError' && (message === 'fetch failed' || message === 'terminated');
};

/** Whether the same request may work in a while: no answer, a gateway that restarts, or one that is busy. */
export const mayPass = (error: unknown): boolean => isLost(error) || (error instanceof ApiProblem && error.retryable);

const whereItLooks = '`polyvirt context` shows where this looks.';

/** What is told of an error, and with which code the program ends. */
export function failureOf(error: unknown, url?: string): { lines: readonly string[]; exitCode: number } {
  if (error instanceof ApiProblem) {
    // Every answer of ours has the id of its request.
    const isForeign = !error.problem.requestId && !error.problem.operationId;
    const lines = [...problemLines(error.problem), ...(isForeign ? [`Is a Polyvirt there? ${whereItLooks}`] : [])];
    return { lines, exitCode: exitCodeOf(error.problem) };
  }
  if (error instanceof UsageError) return { lines: [error.message], exitCode: exitCodes.usage.code };
  if (error instanceof Exit) return { lines: error.message ? [error.message] : [], exitCode: error.exitCode };
  if (isLost(error)) return { lines: lossLines(error as Error, url), exitCode: exitCodes.unreachable.code };
  // No answer of a gateway is anything but JSON.
  if (error instanceof SyntaxError) return { lines: [notOurs(url)], exitCode: exitCodes.failed.code };
  return { lines: [error instanceof Error ? error.message : String(error)], exitCode: exitCodes.failed.code };
}

const at = (url: string | undefined) => (url === undefined ? '' : ` at ${url}`);

/** The answer came from something else. */
export const notOurs = (url?: string): string => `What answers${at(url)} is no Polyvirt. ${whereItLooks}`;

const untrusted: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet; are the clocks right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
};
const unknownAuthority = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET|VERIFY)_\w+)$/;

/** Why there was no answer, and what to do. */
function lossLines({ cause }: Error, url: string | undefined): string[] {
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  const reason = code ?? message ?? 'no answer';
  if (unknownAuthority.test(reason))
    return [
      `The certificate of the gateway${at(url)} is of no authority that is known here (${reason}).`,
      'Give the file with the certificate of that authority: NODE_EXTRA_CA_CERTS=FILE.',
    ];
  const why = untrusted[reason];
  if (why !== undefined) return [`The certificate of the gateway${at(url)} ${why} (${reason}).`];
  const isPlain = /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/.test(reason);
  return [
    `The gateway${at(url)} cannot be reached (${reason}).`,
    isPlain ? 'It does not speak https there; is its address http://…?' : `Is it running? ${whereItLooks}`,
  ];
}

export function problemLines({ detail, code, requestId, operationId, errors }: Problem): string[] {
  const faults = (errors ?? []).map((fault) => `  ${fault.pointer}: ${fault.detail}`);
  const ids = [
    code,
    ...(operationId ? [`operation ${operationId}`] : []),
    ...(requestId ? [`request ${requestId}`] : []),
  ];
  return [detail, ...faults.filter((line) => !detail.includes(line.trim())), `(${ids.join(', ')})`];
}
