import { randomBytes } from 'node:crypto';
import { secretHash } from '../auth/secret-hash.ts';

/** What an API token begins with; secret scanners and our own logs know it by that. */
export const tokenPrefix = 'pv_';
const shownCharacters = 8;

export interface TokenSecret {
  readonly secret: string;
  /** Enough to tell tokens apart, and far too little to use one. */
  readonly prefix: string;
  readonly hash: string;
}

export function newTokenSecret(): TokenSecret {
  return tokenSecretOf(tokenPrefix + randomBytes(32).toString('base64url'));
}

export function tokenSecretOf(secret: string): TokenSecret {
  return { secret, prefix: secret.slice(0, tokenPrefix.length + shownCharacters), hash: secretHash(secret) };
}
