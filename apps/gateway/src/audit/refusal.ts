import type { ProblemCode, ProblemError } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';
import { isDryRun } from '../http/dry-run.ts';
import type { Actor, AuditEntry } from './audit.ts';

/** Requests that never said what they want are no acts; recording them would let anybody fill the table. */
const unsaid = new Set<ProblemCode>([
  'invalid-input',
  'unauthenticated',
  'body-too-large',
  'unsupported-media-type',
  'too-many-requests',
]);
const longestAction = 64;

/** What the audit keeps of a request that was refused; nothing of most reads, and of requests by nobody. */
export function refusalOf(
  request: FastifyRequest,
  problem: ProblemError,
): { actor: Actor; entry: AuditEntry } | undefined {
  const { principal, action } = request;
  if (!principal || unsaid.has(problem.code)) return undefined;
  if (isDryRun(request) && problem.code !== 'forbidden') return undefined;
  if (action === null && problem.code !== 'forbidden') return undefined;
  const target = Object.values((request.params ?? {}) as Record<string, string>).join('/');
  return {
    actor: {
      actor: principal.actor,
      address: request.ip,
      requestId: request.id,
      ...(request.clientRequestId !== undefined && { clientRequestId: request.clientRequestId }),
    },
    entry: {
      action: action ?? `${request.method} ${request.routeOptions.url}`.slice(0, longestAction),
      outcome: problem.code === 'internal' ? 'failed' : 'refused',
      code: problem.code,
      ...(target && { target }),
      ...(problem.extras.operationId !== undefined && { operationId: problem.extras.operationId }),
    },
  };
}
