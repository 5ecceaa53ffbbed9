import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import {
  ProblemError,
  rolePermissions,
  type Page,
  type PageQuery,
  type Session,
  type TokenPair,
} from '@polyvirt/contracts';
import { IsNull, LessThan, MoreThan, Not, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { MemoryLists } from '../http/memory-list.ts';
import { UserEntity } from '../users/user.entity.ts';
import { accessTokenSeconds } from './access-token.ts';
import type { Principal } from './caller.decorator.ts';
import { IdentityChanges } from './identity-changes.ts';
import { Keys } from './keys.ts';
import { secretHash } from './secret-hash.ts';
import { SessionEntity } from './session.entity.ts';

export const SessionId = z.uuid().meta({ id: 'SessionId' });

const day = 24 * 3_600_000;
const idleMs = 7 * day;
const longestMs = 30 * day;
/** A password counts as given a short while ago for so long. */
const confirmedForMs = 10 * 60_000;

const ended = () => new ProblemError('unauthenticated', 'The session has ended; log in again.');

export type Refreshing =
  | { outcome: 'refreshed'; pair: TokenPair; userId: string }
  | { outcome: 'reused'; userId: string }
  | { outcome: 'unknown' };

/** Log-ins, and what follows from them: access tokens of 15 minutes, and refresh tokens that work once. */
@Injectable()
export class Sessions {
  private readonly database: Database;
  private readonly changes: IdentityChanges;
  private readonly jwt: JwtService;
  private readonly keys: Keys;
  private readonly lists: MemoryLists;
  private readonly refreshKeys: [Buffer, ...Buffer[]];

  constructor(database: Database, changes: IdentityChanges, jwt: JwtService, keys: Keys, lists: MemoryLists) {
    this.database = database;
    this.changes = changes;
    this.jwt = jwt;
    this.keys = keys;
    this.lists = lists;
    this.refreshKeys = keys.derive('refresh token');
  }

  /** Opens a session in the transaction of the log-in. */
  async open(
    manager: EntityManager,
    userId: string,
    { address, client }: { address: string; client: string | null },
  ): Promise<TokenPair> {
    const id = randomUUID();
    const now = Date.now();
    const refreshToken = this.newRefreshToken(id);
    await manager.insert(SessionEntity, {
      id,
      userId,
      tokenHash: secretHash(refreshToken),
      createdAt: now,
      lastUsedAt: now,
      confirmedAt: now,
      expiresAt: now + idleMs,
      revokedAt: null,
      address,
      client,
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
        {
          tokenHash: secretHash(successor),
          lastUsedAt: now,
          expiresAt: Math.min(now + idleMs, session.createdAt + longestMs),
        },
      );
      return { outcome: affected === 1 ? 'refreshed' : 'reused', userId: session.userId } as const;
    });
    if (result.outcome === 'unknown') return result;
    if (result.outcome === 'refreshed') {
      return { ...result, outcome: 'refreshed', pair: this.pair(result.userId, sessionId, successor) };
    }
    await this.changes.change((manager) => this.end(manager, { id: sessionId }));
    return { outcome: 'reused', userId: result.userId };
  }

  /**
   * Ends the session that a refresh token belongs to, whichever of its tokens that is. Answers whose it was, if it was still open;
   * `then` runs in the same transaction.
   */
  async endByRefreshToken(
    token: string,
    then: (manager: EntityManager, username: string) => Promise<void>,
  ): Promise<void> {
    const id = this.sessionOf(token);
    if (id === undefined) return;
    await this.changes.change(async (manager) => {
      if (!(await this.end(manager, { id }))) return;
      const { userId } = await manager.findOneByOrFail(SessionEntity, { id });
      const user = await manager.findOneBy(UserEntity, { id: userId });
      await then(manager, user?.username ?? '-');
    });
  }

  /** The open sessions of a user, the one used last first. */
  async list(userId: string, currentId: string | undefined, query: PageQuery): Promise<Page<Session>> {
    const open = await this.database
      .repository(SessionEntity)
      .findBy({ userId, revokedAt: IsNull(), expiresAt: MoreThan(Date.now()) });
    const newestFirst = ({ lastUsedAt, id }: SessionEntity) =>
      `${String(Number.MAX_SAFE_INTEGER - lastUsedAt).padStart(16, '0')} ${id}`;
    const page = this.lists.page('sessions', open, newestFirst, query);
    return { ...page, items: page.items.map((session) => shownSession(session, currentId)) };
  }

  /** Notes, inside `IdentityChanges.change`, that the user of a session has just given the password. */
  async confirm(manager: EntityManager, id: string): Promise<number> {
    const now = Date.now();
    await manager.update(SessionEntity, { id, revokedAt: IsNull() }, { confirmedAt: now });
    return now + confirmedForMs;
  }

  /** Whether a user has logged in from an address before. */
  async wasAt(userId: string, address: string): Promise<boolean> {
    return this.database.repository(SessionEntity).existsBy({ userId, address });
  }

  /** Ends sessions, inside `IdentityChanges.change`. Says whether one was still open. */
  async end(
    manager: EntityManager,
    which: { id: string } | { userId: string } | { id: string; userId: string },
  ): Promise<boolean> {
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
    const confirmedUntil = session.confirmedAt + confirmedForMs;
    return { userId, username, role, permissions: rolePermissions[role], actor: username, sessionId, confirmedUntil };
  }

  async forgetEnded(): Promise<void> {
    const now = Date.now();
    await this.database.transaction(async (manager) => {
      await manager.delete(SessionEntity, { expiresAt: LessThan(now) });
      await manager.delete(SessionEntity, { revokedAt: LessThan(now - day) });
    });
  }

  private pair(userId: string, sessionId: string, refreshToken: string): TokenPair {
    const { kid, secret } = this.keys.current;
    const accessToken = this.jwt.sign({ sub: userId, sid: sessionId }, { secret, keyid: kid });
    return { accessToken, refreshToken, expiresIn: accessTokenSeconds };
  }

  /**
   * `<session>.<random>.<mac>`. The signature tells a token that we gave out, and that is now used twice, from a
   * guess, which must not be able to end anybody's session.
   */
  private newRefreshToken(sessionId: string): string {
    const body = `${sessionId}.${randomBytes(24).toString('base64url')}`;
    return `${body}.${mac(this.refreshKeys[0], body)}`;
  }

  private sessionOf(token: string): string | undefined {
    const [id, random, given, ...rest] = token.split('.');
    if (!id || !random || !given || rest.length > 0) return undefined;
    const isOurs = (key: Buffer) => {
      const [expected, found] = [Buffer.from(mac(key, `${id}.${random}`)), Buffer.from(given)];
      return expected.length === found.length && timingSafeEqual(expected, found);
    };
    return this.refreshKeys.some(isOurs) ? id : undefined;
  }
}

const mac = (key: Buffer, body: string): string => createHmac('sha256', key).update(body).digest('base64url');

const shownSession = (session: SessionEntity, currentId: string | undefined): Session => ({
  id: session.id,
  createdAt: isoTime(session.createdAt),
  lastUsedAt: isoTime(session.lastUsedAt || session.createdAt),
  expiresAt: isoTime(session.expiresAt),
  address: session.address,
  ...(session.client !== null && { client: session.client }),
  current: session.id === currentId,
});
