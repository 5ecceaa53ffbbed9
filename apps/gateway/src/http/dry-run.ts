import { DryRunQuery } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';

const flag = DryRunQuery.shape.dryRun;

/** Whether a request only asks for a plan, so that it is no act: nothing is changed, repeated or recorded. */
export function isDryRun({ query }: Pick<FastifyRequest, 'query'>): boolean {
  const { dryRun } = (query ?? {}) as Record<string, unknown>;
  return dryRun !== undefined && flag.safeParse(dryRun).data === true;
}
