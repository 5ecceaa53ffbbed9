import { Inject, Injectable } from '@nestjs/common';
import { ProblemError, rolePermissions } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import type { FindOptionsWhere } from 'typeorm';
import type { Principal } from '../auth/caller.decorator.ts';
import type { VerifiedCredential } from '../auth/principals.ts';
import { secretHash } from '../auth/secret-hash.ts';
import { Database } from '../database/database.ts';
import { LOGGER } from '../logger.ts';
import { UserEntity } from '../users/user.entity.ts';
import { TokenEntity } from './token.entity.ts';

/** How long a token is trusted before it is looked at again, and so how exact `lastUsedAt` is. */
const trustMs = 60_000;

@Injectable()
export class TokenVerifier {
  private readonly database: Database;
  private readonly logger: Logger;

  constructor(database: Database, @Inject(LOGGER) logger: Logger) {
    this.database = database;
    this.logger = logger;
  }

  /** Throws `unauthenticated` for a secret that is not known, or no longer good. */
  async verify(secret: string): Promise<VerifiedCredential> {
    const now = Date.now();
    const { token, principal } = await this.find({ secretHash: secretHash(secret) }, now);
    await this.noteUse(token.id, now);
    return { principal, goodUntil: Math.min(token.expiresAt, now + trustMs) };
  }

  /** Whose a token is that was verified before. Throws `unauthenticated` when it is no longer good. */
  async principalOf(userId: string, id: string): Promise<Principal> {
    const { principal } = await this.find({ id, userId }, Date.now());
    return principal;
  }

  private async find(
    which: FindOptionsWhere<TokenEntity>,
    now: number,
  ): Promise<{ token: TokenEntity; principal: Principal }> {
    const token = await this.database.repository(TokenEntity).findOneBy(which);
    const user = token && (await this.database.repository(UserEntity).findOneBy({ id: token.userId, disabled: false }));
    if (!user) throw new ProblemError('unauthenticated', 'The API token is not known.');
    if (token.expiresAt <= now) throw new ProblemError('unauthenticated', 'The API token has expired.');
    const allowed = rolePermissions[user.role];
    const principal = {
      userId: user.id,
      username: user.username,
      role: user.role,
      permissions: new Set(token.scopes.filter((scope) => allowed.has(scope))),
      actor: `${user.username}/${token.name}`,
      token: { id: token.id, name: token.name },
    };
    return { token, principal };
  }

  /** That a use could not be noted is no reason to refuse it. */
  private async noteUse(id: string, now: number): Promise<void> {
    try {
      await this.database.transaction((manager) => manager.update(TokenEntity, { id }, { lastUsedAt: now }));
    } catch (err) {
      this.logger.warn({ err, token: id }, 'the use of a token was not noted');
    }
  }
}
