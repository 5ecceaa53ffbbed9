import { ProblemError } from '@polyvirt/contracts';

/** A strong validator out of the revisions that a record is made of: `"12-3"`. */
export const etagOf = (...revisions: (number | string)[]): string => `"${revisions.join('-')}"`;

/**
 * Throws `stale-revision` unless the record still is one of those that `If-Match` names. Without the header everything
 * matches.
 */
export function requireMatch(ifMatch: string | undefined, etag: string): void {
  if (ifMatch === undefined || names(ifMatch, etag)) return;
  throw new ProblemError(
    'stale-revision',
    `It has changed since: its ETag now is ${etag}. Read it again, then decide.`,
  );
}

/**
 * Whether a list of ETags names this one, or everything by `*`. Weak ones count: proxies that compress weaken ours on the way,
 * and each of ours stands for one revision, however that is encoded.
 */
export function names(list: string, etag: string): boolean {
  const wanted = opaque(etag);
  return list.split(',').some((tag) => tag.trim() === '*' || opaque(tag.trim()) === wanted);
}

const opaque = (tag: string): string => tag.replace(/^W\//, '');
