import { Injectable } from '@nestjs/common';
import {
  ProblemError,
  type ApiToken,
  type CreatedToken,
  type CreateTokenInput,
  type Page,
  type PageQuery,
} from '@polyvirt/contracts';
import { In, LessThan } from 'typeorm';
import { z } from 'zod';
import { Audit } from '../audit/audit.ts';
import type { Caller } from '../auth/caller.decorator.ts';
import { IdentityChanges } from '../auth/identity-changes.ts';
import { isoTime } from '../database/columns.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { Cursors } from '../http/cursor.ts';
import { invalidInput } from '../http/faults.ts';
import { UserEntity } from '../users/user.entity.ts';
import { newTokenSecret } from './token-secrets.ts';
import { TokenEntity } from './token.entity.ts';

export const TokenId = z.uuid().meta({ id: 'TokenId' });

const longestMs = 366 * 24 * 3_600_000;
const Position = z.object({ createdAt: z.number(), id: z.string() });

/** API tokens. A user sees and revokes its own; who may manage users, those of all. */
@Injectable()
export class Tokens {
  private readonly database: Database;
  private readonly changes: IdentityChanges;
  private readonly audit: Audit;
  private readonly cursors: Cursors;

  constructor(database: Database, changes: IdentityChanges, audit: Audit, cursors: Cursors) {
    this.database = database;
    this.changes = changes;
    this.audit = audit;
    this.cursors = cursors;
  }

  /** The newest first. */
  async list({ limit, cursor }: PageQuery, caller: Caller): Promise<Page<ApiToken>> {
    const owned = ownedBy(caller);
    const after = cursor === undefined ? undefined : this.cursors.open('tokens', cursor, Position);
    const found = await this.database.repository(TokenEntity).find({
      where: after
        ? [
            { ...owned, createdAt: LessThan(after.createdAt) },
            { ...owned, createdAt: after.createdAt, id: LessThan(after.id) },
          ]
        : owned,
      order: { createdAt: 'DESC', id: 'DESC' },
      take: limit + 1,
    });
    const tokens = found.slice(0, limit);
    const last = found.length > limit ? tokens.at(-1) : undefined;
    return {
      items: await this.shown(tokens),
      ...(last && { nextCursor: this.cursors.seal('tokens', { createdAt: last.createdAt, id: last.id }) }),
    };
  }

  /** Throws `token-not-found`, of the tokens of others too unless the caller manages users. */
  async get(id: string, caller: Caller): Promise<ApiToken> {
    const token = await this.database.repository(TokenEntity).findOneBy({ id, ...ownedBy(caller) });
    if (!token) throw noSuchToken();
    return (await this.shown([token]))[0]!;
  }

  /** The secret is in this answer and nowhere else. Throws `name-taken` when the owner has a token of that name. */
  async create({ name, scopes, expiresAt }: CreateTokenInput, caller: Caller): Promise<CreatedToken> {
    requireWithin(scopes, caller);
    const { secret, prefix, hash } = newTokenSecret();
    const token: TokenEntity = {
      id: uuidV7(),
      userId: caller.userId,
      name,
      prefix,
      secretHash: hash,
      scopes: [...new Set(scopes)],
      createdAt: Date.now(),
      expiresAt: requireSoon(Date.parse(expiresAt)),
      lastUsedAt: null,
    };
    const created = { ...shownToken(token, caller.username), secret };
    try {
      await this.database.transaction(async (manager) => {
        await manager.insert(TokenEntity, token);
        await this.audit.record(manager, caller, {
          action: 'token.create',
          outcome: 'succeeded',
          target: name,
          detail: `scopes: ${token.scopes.join(', ')}; until ${isoTime(token.expiresAt)}`,
        });
        await caller.idempotency?.answer(manager, {
          status: 201,
          body: created,
          headers: { location: tokenPath(token.id) },
        });
      });
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw new ProblemError('name-taken', `You have a token ${name} already.`, { cause: error });
    }
    return created;
  }

  /** The token stops working at once. */
  async remove(id: string, caller: Caller): Promise<void> {
    await this.changes.change(async (manager) => {
      const token = await manager.findOneBy(TokenEntity, { id, ...ownedBy(caller) });
      if (!token) throw noSuchToken();
      await manager.delete(TokenEntity, { id });
      await this.audit.record(manager, caller, {
        action: 'token.delete',
        outcome: 'succeeded',
        target: token.name,
        detail: `scopes: ${token.scopes.join(', ')}; until ${isoTime(token.expiresAt)}`,
      });
    });
  }

  /** With the names of their owners. */
  private async shown(tokens: readonly TokenEntity[]): Promise<ApiToken[]> {
    const ids = [...new Set(tokens.map(({ userId }) => userId))];
    const owners = await this.database.repository(UserEntity).findBy({ id: In(ids) });
    const names = new Map(owners.map(({ id, username }) => [id, username]));
    return tokens.map((token) => shownToken(token, names.get(token.userId) ?? ''));
  }
}

export const tokenPath = (id: string): string => `/api/v1/tokens/${id}`;

/** Which tokens the caller sees. */
const ownedBy = ({ permissions, userId }: Caller) => (permissions.has('user:manage') ? {} : { userId });

const noSuchToken = () => new ProblemError('token-not-found', 'There is no such token.');

/** Nobody gives away more than they have. */
function requireWithin(scopes: CreateTokenInput['scopes'], { permissions }: Caller): void {
  const beyond = scopes.filter((scope) => !permissions.has(scope));
  if (beyond.length === 0) return;
  throw new ProblemError('forbidden', `Your role does not have the permission ${beyond.join(', ')}.`);
}

function requireSoon(expiresAt: number): number {
  const now = Date.now();
  if (expiresAt > now && expiresAt <= now + longestMs) return expiresAt;
  const detail = expiresAt > now ? 'At most a year ahead.' : 'This is in the past.';
  throw invalidInput('body', [{ pointer: '/expiresAt', detail }]);
}

const shownToken = (token: TokenEntity, owner: string): ApiToken => ({
  id: token.id,
  name: token.name,
  owner,
  prefix: token.prefix,
  scopes: token.scopes,
  createdAt: isoTime(token.createdAt),
  expiresAt: isoTime(token.expiresAt),
  ...(token.lastUsedAt !== null && { lastUsedAt: isoTime(token.lastUsedAt) }),
});
