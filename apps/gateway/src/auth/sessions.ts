import { createHmac, hkdfSync, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { ProblemError, rolePermissions, type TokenPair } from '@polyvirt/contracts';
import { IsNull, LessThan, MoreThan, Not, type EntityManager } from 'typeorm';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { Database } from '../database/database.ts';
import { UserEntity } from '../users/user.entity.ts';
import { accessTokenSeconds } from './access-token.ts';
import type { Principal } from './caller.decorator.ts';
import { IdentityChanges } from './identity-changes.ts';
import { secretHash } from './secret-hash.ts';
import { SessionEntity } from './session.entity.ts';

const day = 24 * 3_600_000;
const idleMs = 7 * day;
const longestMs = 30 * day;

const ended = () => new ProblemError('unauthenticated', 'The session has ended; log in again.');

export type Refreshing =
  { outcome: 'refreshed'; pair: TokenPair } | { outcome: 'reused'; userId: string } | { outcome: 'unknown' };

/** Log-ins, and what follows from them: access tokens of 15 minutes, and refresh tokens that work once. */
@Injectable()
export class Sessions {
  private readonly database: Database;
  private readonly changes: IdentityChanges;
  private readonly jwt: JwtService;
  private readonly refreshKey: Buffer;

  constructor(database: Database, changes: IdentityChanges, jwt: JwtService, @Inject(CONFIG) config: GatewayConfig) {
    this.database = database;
    this.changes = changes;
    this.jwt = jwt;
    this.refreshKey = Buffer.from(hkdfSync('sha256', config.jwtSecret, '', 'polyvirt refresh token', 32));
  }

  /** Opens a session in the transaction of the log-in. */
  async open(manager: EntityManager, userId: string, address: string): Promise<TokenPair> {
    const id = randomUUID();
    const now = Date.now();
    const refreshToken = this.newRefreshToken(id);
    await manager.insert(SessionEntity, {
      id,
      userId,
      tokenHash: secretHash(refreshToken),
      createdAt: now,
      expiresAt: now + idleMs,
      revokedAt: null,
      address,
    });
    return this.pair(userId, id, refreshToken);
  }

  /**
   * A new pair for a refresh token that has not been used before. One that has been is stolen, or its successor is:
   * the whole session ends.
   */
  async refresh(token: string): Promise<Refreshing> {
    const sessionId = this.sessionOf(token);
    if (sessionId === undefined) return { outcome: 'unknown' };
    const now = Date.now();
    const successor = this.newRefreshToken(sessionId);
    const result = await this.database.transaction(async (manager) => {
      const session = await manager.findOneBy(SessionEntity, { id: sessionId });
      if (!session || session.revokedAt !== null || session.expiresAt <= now) return { outcome: 'unknown' } as const;
      const user = await manager.findOneBy(UserEntity, { id: session.userId, disabled: false });
      if (!user) return { outcome: 'unknown' } as const;
      const { affected } = await manager.update(
        SessionEntity,
        { id: sessionId, tokenHash: secretHash(token), revokedAt: IsNull() },
        { tokenHash: secretHash(successor), expiresAt: Math.min(now + idleMs, session.createdAt + longestMs) },
      );
      return { outcome: affected === 1 ? 'refreshed' : 'reused', userId: session.userId } as const;
    });
    if (result.outcome === 'unknown') return result;
    if (result.outcome === 'refreshed') {
      return { outcome: 'refreshed', pair: this.pair(result.userId, sessionId, successor) };
    }
    await this.changes.change((manager) => this.end(manager, { id: sessionId }));
    return { outcome: 'reused', userId: result.userId };
  }

  /** Ends the session that a refresh token belongs to, whichever of its tokens that is. */
  async endByRefreshToken(token: string): Promise<boolean> {
    const id = this.sessionOf(token);
    if (id === undefined) return false;
    return this.changes.change((manager) => this.end(manager, { id }));
  }

  /** Ends sessions, inside `IdentityChanges.change`. Says whether one was still open. */
  async end(manager: EntityManager, which: { id: string } | { userId: string }): Promise<boolean> {
    const { affected } = await manager.update(
      SessionEntity,
      { ...which, revokedAt: IsNull() },
      { revokedAt: Date.now() },
    );
    return (affected ?? 0) > 0;
  }

  /** Ends the sessions of a user but one, inside `IdentityChanges.change`. */
  async endOthers(manager: EntityManager, userId: string, keptId: string): Promise<void> {
    await manager.update(SessionEntity, { userId, id: Not(keptId), revokedAt: IsNull() }, { revokedAt: Date.now() });
  }

  /** Throws `unauthenticated` when the session has ended or its user may no longer log in. */
  async principalOf(userId: string, sessionId: string): Promise<Principal> {
    const session = await this.database
      .repository(SessionEntity)
      .findOneBy({ id: sessionId, userId, revokedAt: IsNull(), expiresAt: MoreThan(Date.now()) });
    const user = session && (await this.database.repository(UserEntity).findOneBy({ id: userId, disabled: false }));
    if (!user) throw ended();
    const { username, role } = user;
    return { userId, username, role, permissions: rolePermissions[role], actor: username, sessionId };
  }

  async forgetEnded(): Promise<void> {
    const now = Date.now();
    await this.database.transaction(async (manager) => {
      await manager.delete(SessionEntity, { expiresAt: LessThan(now) });
      await manager.delete(SessionEntity, { revokedAt: LessThan(now - day) });
    });
  }

  private pair(userId: string, sessionId: string, refreshToken: string): TokenPair {
    const accessToken = this.jwt.sign({ sub: userId, sid: sessionId });
    return { accessToken, refreshToken, expiresIn: accessTokenSeconds };
  }

  /**
   * `<session>.<random>.<mac>`. The signature tells a token that we gave out, and that is now used twice, from a
   * guess, which must not be able to end anybody's session.
   */
  private newRefreshToken(sessionId: string): string {
    const body = `${sessionId}.${randomBytes(24).toString('base64url')}`;
    return `${body}.${this.mac(body)}`;
  }

  private sessionOf(token: string): string | undefined {
    const [id, random, mac, ...rest] = token.split('.');
    if (!id || !random || !mac || rest.length > 0) return undefined;
    const expected = Buffer.from(this.mac(`${id}.${random}`));
    const given = Buffer.from(mac);
    return expected.length === given.length && timingSafeEqual(expected, given) ? id : undefined;
  }

  private mac(body: string): string {
    return createHmac('sha256', this.refreshKey).update(body).digest('base64url');
  }
}
