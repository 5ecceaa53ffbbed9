import { foreignText, type Problem } from '@polyvirt/contracts';
import { inspect } from 'node:util';
import { z } from 'zod';

const longest = 1_000;
const longestForLog = 8_000;

const Confidential = z.object({ cloudInit: z.unknown() });

/** What an input says that no problem, step, note or log may repeat: user data has passwords in it. */
function secretsOf(input: unknown): unknown[] {
  const { success, data } = Confidential.safeParse(input);
  return success && data.cloudInit !== undefined ? [data.cloudInit] : [];
}

/** A text about an operation as anybody may read it, whatever the driver has put into it. */
export const safeText = (text: string, input: unknown): string =>
  foreignText(text, { without: secretsOf(input), most: longest });

export const safeProblem = (problem: Problem, input: unknown): Problem => ({
  ...problem,
  detail: safeText(problem.detail, input),
  ...(problem.errors && {
    errors: problem.errors.map(({ pointer, detail }) => ({ pointer, detail: safeText(detail, input) })),
  }),
});

/** A cause for the log: as it is, unless the operation has something that no log may have. */
export function safeCause(cause: unknown, input: unknown): unknown {
  const without = secretsOf(input);
  return without.length === 0 ? cause : foreignText(inspect(cause), { without, most: longestForLog });
}
