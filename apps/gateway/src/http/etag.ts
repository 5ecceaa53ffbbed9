import { ProblemError } from '@polyvirt/contracts';

/** A strong validator out of the revisions that a record is made of: `"12-3"`. */
export const etagOf = (...revisions: (number | string)[]): string => `"${revisions.join('-')}"`;

/**
 * Throws `stale-revision` unless the record still is one of those that `If-Match` names. Without the header everything
 * matches.
 */
export function requireMatch(ifMatch: string | undefined, etag: string): void {
  if (ifMatch === undefined) return;
  const named = ifMatch.split(',').map((tag) => tag.trim());
  if (named.includes('*') || named.includes(etag)) return;
  throw new ProblemError(
    'stale-revision',
    `It has changed since: its ETag now is ${etag}. Read it again, then decide.`,
  );
}
