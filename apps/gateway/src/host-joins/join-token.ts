import { randomBytes, timingSafeEqual } from 'node:crypto';
import { secretHash } from '../auth/secret-hash.ts';

/** `pvj_<id>.<secret>`: the id is looked up, the whole is compared. */
export interface JoinToken {
  readonly id: string;
  readonly text: string;
  /** All that is kept of it. */
  readonly hash: string;
}

export function drawToken(): JoinToken {
  const id = randomBytes(16).toString('hex');
  const text = `pvj_${id}.${randomBytes(32).toString('base64url')}`;
  return { id, text, hash: secretHash(text) };
}

export const idOfToken = (text: string): string => text.slice('pvj_'.length, text.indexOf('.'));

export const isToken = (text: string, hash: string): boolean =>
  timingSafeEqual(Buffer.from(secretHash(text)), Buffer.from(hash));
