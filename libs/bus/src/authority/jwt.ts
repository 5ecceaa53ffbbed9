/** The one place that knows the library which makes the tokens of nats-server; it is young. */
import {
  decode,
  encodeAccount,
  encodeGeneric,
  encodeOperator,
  encodeUser,
  fmtCreds,
  type Account,
  type Export,
  type Import,
  type SigningKey,
  type User,
} from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import { randomUUID } from 'node:crypto';
import { keyOf, newKey } from './keys.ts';

export type { KeyPair } from '@nats-io/nkeys';

const text = new TextDecoder();

export const newOperatorSeed = (): string => text.decode(newKey('operator').getSeed());

/** Says, signed by the identity of the operator, that another key may sign accounts. */
export const operatorToken = (identitySeed: string, signingSeed: string, systemAccount: string): Promise<string> =>
  encodeOperator('polyvirt', keyOf(identitySeed), {
    signing_keys: [keyOf(signingSeed).getPublicKey()],
    system_account: systemAccount,
  });

/** What the users of an account that one key signs may do there; so their credentials stay good when it changes. */
export interface Role {
  readonly name: string;
  readonly key: KeyPair;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer a message it has received, once. */
  readonly replies: boolean;
}

export interface AccountClaims {
  readonly name: string;
  readonly exports?: Export[];
  readonly imports?: Import[];
  readonly limits?: Account['limits'];
}

/** The library takes what is not given for 0, and the server 0 for none at all. */
const unlimited = { subs: -1, conn: -1, leaf: 0, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true };
const unlimitedUser = { subs: -1, data: -1, payload: -1 };
const minuteNanos = 60_000_000_000;

/**
 * No two are the same: a token says in whole seconds when it was made, and the server passes over one that it has already, though
 * the account has been removed since.
 */
export const accountToken = (
  account: KeyPair,
  { name, exports = [], imports = [], limits = {} }: AccountClaims,
  roles: readonly Role[],
  signingSeed: string,
): Promise<string> =>
  encodeAccount(
    name,
    account,
    {
      exports,
      imports,
      limits: { ...unlimited, ...limits },
      signing_keys: roles.map(scopeOf),
      tags: [`token:${randomUUID()}`],
    },
    { signer: keyOf(signingSeed) },
  );

const scopeOf = ({ name, key, publish, subscribe, replies }: Role): SigningKey => ({
  kind: 'user_scope',
  key: key.getPublicKey(),
  role: name,
  template: {
    pub: { allow: [...publish] },
    sub: { allow: [...subscribe] },
    ...(replies && { resp: { max: 1, ttl: minuteNanos } }),
    ...unlimitedUser,
  },
});

/** Signed by the key that signs accounts, in its own name. */
export const deletionToken = (signingSeed: string, accounts: readonly string[]): Promise<string> =>
  encodeGeneric('deletion', keyOf(signingSeed), 'deletion', { accounts: [...accounts] });

/** What stands around the key for the ids of messages; clients of NATS read the first two blocks of the file only. */
const messageKeyBlock = 'POLYVIRT MESSAGE KEY';

export interface CredentialExtras {
  /** Words that the client itself reads. */
  readonly tags?: string[];
  /** For the ids of messages that others may publish as well. */
  readonly messageKey?: string | undefined;
}

/** Says that the owner of a key may use an account; for ever unless told until when, in milliseconds. */
export const userToken = (
  name: string,
  user: KeyPair | string,
  account: KeyPair,
  role: KeyPair,
  { tags = [], expiresAt }: Pick<CredentialExtras, 'tags'> & { readonly expiresAt?: number } = {},
): Promise<string> =>
  encodeUser(name, user, account, { tags } as Partial<User>, {
    signer: role,
    scopedUser: true,
    ...(expiresAt !== undefined && { exp: Math.floor(expiresAt / 1_000) }),
  });

/** The file with which a client logs in: its token, its private key and, for our own, the key for the ids of messages. */
export async function credentialsOf(
  name: string,
  user: KeyPair,
  account: KeyPair,
  role: KeyPair,
  { tags = [], messageKey }: CredentialExtras = {},
): Promise<string> {
  return formatCredentials(await userToken(name, user, account, role, { tags }), user, messageKey);
}

export function formatCredentials(token: string, user: KeyPair, messageKey?: string): string {
  const credentials = text.decode(fmtCreds(token, user));
  if (messageKey === undefined) return credentials;
  return `${credentials.trimEnd()}\n\n-----BEGIN ${messageKeyBlock}-----\n${messageKey}\n------END ${messageKeyBlock}------\n`;
}

export interface Credential {
  readonly name: string;
  readonly tags: readonly string[];
  readonly token: string;
  readonly seed: string;
  /** For the ids of messages: of gateways that of all hosts, of an agent that of its host. */
  readonly messageKey?: string | undefined;
}

/** Who a credential is for, and its private key. Throws when it is none. */
export function readCredentials(credentials: string): Credential {
  const blocks = [...credentials.matchAll(/-----BEGIN [^-]+-----\s+(\S+)\s+-+END [^-]+-+/g)].map(([, body]) => body);
  const [token, seed, messageKey] = blocks;
  if (token === undefined || seed === undefined)
    throw new Error(
      'This is no credential of nats-server: it has a token and a private key, between lines of hyphens.',
    );
  const { name, nats } = decode<{ tags?: string[] }>(token);
  return { name, tags: nats.tags ?? [], token, seed, messageKey };
}
