import { formatCredentials, readCredentials } from './jwt.ts';
import { isSignedBy, keyOf, newKey } from './keys.ts';

/** A key that is made where it is used, and whose private half stays there. */
export interface UserKey {
  readonly publicKey: string;
  /** The private half. */
  readonly seed: string;
}

export function newUserKey(): UserKey {
  const key = newKey('user');
  return { publicKey: key.getPublicKey(), seed: new TextDecoder().decode(key.getSeed()) };
}

/** A signature, in base64url, which shows that whoever sends the text has the key. */
export const proofOf = (seed: string, text: string): string =>
  Buffer.from(keyOf(seed).sign(Buffer.from(text))).toString('base64url');

/** Whether it was made by the private half of that key; false for what is no key of a user. */
export const isProofOf = (publicKey: string, text: string, proof: string): boolean =>
  isSignedBy(publicKey, 'user', Buffer.from(text), Buffer.from(proof, 'base64url'));

/** The credential of an agent that was let in by its key. */
export const credentialsFor = (
  seed: string,
  { userJwt, messageKey }: { readonly userJwt: string; readonly messageKey: string },
): string => formatCredentials(userJwt, keyOf(seed), messageKey);

/** The same credential with another token. Throws when it is none. */
export const renewedCredentials = (
  credentials: string,
  admission: { readonly userJwt: string; readonly messageKey: string },
): string => credentialsFor(readCredentials(credentials).seed, admission);
