import { z } from 'zod';
import { Timestamp } from '../ids.ts';
import { Problem } from '../problem/problem.ts';
import { OperationResult } from './operation.ts';

/** How an operation went, as its agent writes it into the journal. */
export const OperationOutcome = z.object({
  status: z.enum(['succeeded', 'failed', 'cancelled']),
  endedAt: Timestamp,
  changed: z.boolean().optional(),
  result: OperationResult.optional(),
  error: Problem.optional(),
  /** Revision of the inventory that shows the effect. */
  revision: z.int().optional(),
});
export type OperationOutcome = z.infer<typeof OperationOutcome>;

/** What a gateway leaves in the journal in the place of an agent's entry, which has no `ended`. */
export const OperationVerdict = z.object({
  ended: z.enum(['cancelled', 'expired', 'lost', 'removed']),
  /** Of one that is lost: how it went, if its agent knew before it was. */
  outcome: OperationOutcome.optional(),
});
export type OperationVerdict = z.infer<typeof OperationVerdict>;
