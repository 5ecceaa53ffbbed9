import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { ADMIN_UUID, newUuid } from '../identity.ts';
import { isObject } from '../json.ts';
import type { KnobSettings } from '../knobs/knob-settings.ts';
import type { Store } from '../state/store.ts';

export const SESSION_COOKIES = ['NTNX_IGW_SESSION', 'NTNX_IAM_SESSION', 'JSESSIONID'] as const;

/** A signature is slow, so requests of the same moment share a token. */
const REUSE_MS = 1000;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Session tokens: RS256 JSON web tokens, as recorded, so that they survive a restart and need no table. */
export class Sessions {
  private readonly privateKey: KeyObject;
  private readonly publicKey: KeyObject;
  private last: { token: string; issuedAt: number; username: string; lifeMs: number } | undefined;

  constructor(
    keyPem: string,
    private readonly store: Store,
    private readonly knobs: KnobSettings,
  ) {
    this.privateKey = createPrivateKey(keyPem);
    this.publicKey = createPublicKey(this.privateKey);
  }

  issue(username: string, now: number): { token: string; expiresAt: number } {
    const lifeMs = this.knobs.get('auth.sessionMinutes') * 60_000;
    const { last } = this;
    if (last !== undefined && last.username === username && last.lifeMs === lifeMs && this.isFresh(last.issuedAt, now))
      return { token: last.token, expiresAt: last.issuedAt + lifeMs };
    // A log-in that comes in the very millisecond of an end of all sessions comes after it.
    const issuedAt = Math.max(now, this.validFrom);
    const claims = {
      username,
      usertype: 'prism',
      userid: ADMIN_UUID,
      authenticated: true,
      jti: newUuid(),
      exp: Math.floor((now + lifeMs) / 1000),
      iat: issuedAt,
      expMs: now + lifeMs,
    };
    const content = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
    const token = `${content}.${sign('sha256', Buffer.from(content), this.privateKey).toString('base64url')}`;
    this.last = { token, issuedAt, username, lifeMs };
    return { token, expiresAt: now + lifeMs };
  }

  private isFresh(issuedAt: number, now: number): boolean {
    return now - issuedAt < REUSE_MS && issuedAt >= this.validFrom;
  }

  /** The user of a token; undefined when it is forged, expired or voided. */
  userOf(token: string, now: number): string | undefined {
    const at = token.lastIndexOf('.');
    const content = token.slice(0, at);
    const signature = Buffer.from(token.slice(at + 1), 'base64url');
    if (at < 0 || !verify('sha256', Buffer.from(content), this.publicKey, signature)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(content.split('.')[1] ?? '', 'base64url').toString());
    if (!isObject(claims)) return undefined;
    const { username, iat, expMs } = claims;
    if (typeof username !== 'string' || typeof iat !== 'number' || typeof expMs !== 'number') return undefined;
    return expMs > now && iat >= this.validFrom ? username : undefined;
  }

  /** Voids every session made so far. */
  expireAll(now: number): void {
    const sessionsFrom = Math.max(now, this.validFrom) + 1;
    this.store.commit([['meta', 'meta', { ...this.store.get('meta', 'meta'), uuid: 'meta', sessionsFrom }]]);
  }

  private get validFrom(): number {
    return this.store.get('meta', 'meta')?.sessionsFrom ?? 0;
  }
}
