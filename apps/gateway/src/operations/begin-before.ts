import { defaultBeginWithinSeconds, ProblemError, type CommandOptions } from '@polyvirt/contracts';

const longestMs = 24 * 3_600_000;

/** Until when a command may begin, in ms since the epoch. Throws `invalid-input` for a time that is over or too far. */
export function beginBefore({ notAfter }: Pick<CommandOptions, 'notAfter'>, nowMs: number): number {
  if (notAfter === undefined) return nowMs + defaultBeginWithinSeconds * 1_000;
  const atMs = Date.parse(notAfter);
  const fault =
    atMs <= nowMs ? 'This time is over.' : atMs > nowMs + longestMs ? 'It is more than 24 hours ahead.' : undefined;
  if (fault === undefined) return atMs;
  throw new ProblemError('invalid-input', `The time to begin before does not fit. ${fault}`, {
    errors: [{ pointer: '/notAfter', detail: fault }],
  });
}
