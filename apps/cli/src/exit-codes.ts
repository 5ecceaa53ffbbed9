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

/** The codes with which a command may end. */
export function exitCodesOf({ isLocal, args = [], options = {} }: Command): Record<number, string> {
  const isPossible: Record<Meaning, boolean> = {
    ok: true,
    failed: true,
    usage: true,
    notFound: !isLocal && args.length > 0,
    denied: !isLocal,
    conflict: !isLocal,
    timedOut: !isLocal,
    partial: 'timeout' in options,
    unreachable: !isLocal,
    interrupted: !isLocal,
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

/** What is told of an error, and with which code the program ends. */
export function failureOf(error: unknown, url?: string): { lines: readonly string[]; exitCode: number } {
  if (error instanceof ApiProblem) return { lines: problemLines(error.problem), exitCode: exitCodeOf(error.problem) };
  if (error instanceof UsageError) return { lines: [error.message], exitCode: exitCodes.usage.code };
  if (error instanceof Exit) return { lines: error.message ? [error.message] : [], exitCode: error.exitCode };
  if (isLost(error)) {
    const { cause } = error as { cause?: { code?: string; message?: string } };
    const reason = cause?.code ?? cause?.message ?? 'no answer';
    const lines = [`The gateway${url === undefined ? '' : ` at ${url}`} cannot be reached (${reason}).`];
    return {
      lines: [...lines, 'Is it running? `polyvirt context` shows where this looks.'],
      exitCode: exitCodes.unreachable.code,
    };
  }
  return { lines: [error instanceof Error ? error.message : String(error)], exitCode: exitCodes.failed.code };
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
