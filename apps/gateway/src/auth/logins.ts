import { Injectable } from '@nestjs/common';
import { ProblemError, type LoginInput, type TokenPair } from '@polyvirt/contracts';
import { Audit, type Actor } from '../audit/audit.ts';
import { Database } from '../database/database.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { UserEntity } from '../users/user.entity.ts';
import { Passwords } from './passwords.ts';
import { Sessions } from './sessions.ts';

/** Where a request without a caller comes from. */
export interface Visitor {
  address: string;
  requestId: string;
}

/** Log-in, refresh and logout, with what the audit keeps of them. */
@Injectable()
export class Logins {
  private readonly database: Database;
  private readonly sessions: Sessions;
  private readonly limits: RateLimits;
  private readonly audit: Audit;
  private readonly passwords: Passwords;

  constructor(database: Database, sessions: Sessions, limits: RateLimits, audit: Audit, passwords: Passwords) {
    this.database = database;
    this.sessions = sessions;
    this.limits = limits;
    this.audit = audit;
    this.passwords = passwords;
  }

  /** The answer is the same, and as slow, whether the name, the password or the account is at fault. */
  async login({ username, password }: Omit<LoginInput, 'session'>, visitor: Visitor): Promise<TokenPair> {
    await this.limits.admitLogin(username, visitor.address);
    const user = await this.database
      .repository(UserEntity)
      .findOneBy({ usernameKey: username.toLowerCase(), disabled: false });
    if (!(await this.passwords.matches(password, user?.passwordHash))) {
      await this.audit.note(
        { ...visitor, actor: '-' },
        { action: 'auth.login', target: username, outcome: 'refused', code: 'unauthenticated' },
      );
      throw new ProblemError('unauthenticated', 'User name or password is wrong.');
    }
    await this.limits.loginSucceeded(username, visitor.address);
    return this.enter(user!, visitor);
  }

  async refresh(refreshToken: string, visitor: Visitor): Promise<TokenPair> {
    const result = await this.sessions.refresh(refreshToken);
    if (result.outcome === 'refreshed') return result.pair;
    if (result.outcome === 'reused') {
      await this.audit.note(await this.actorOf(result.userId, visitor), {
        action: 'auth.refresh',
        outcome: 'refused',
        code: 'unauthenticated',
        target: 'a refresh token was used twice; its session has ended',
      });
    }
    throw new ProblemError('unauthenticated', 'The refresh token is not good any more; log in again.');
  }

  /** Asking for what already is succeeds: a session that has ended stays so. */
  async logout(refreshToken: string): Promise<void> {
    await this.sessions.endByRefreshToken(refreshToken);
  }

  private async enter({ id, username }: UserEntity, visitor: Visitor): Promise<TokenPair> {
    return this.database.transaction(async (manager) => {
      // The password may have been changed, or the user disabled, while the old one was being compared.
      const { affected } = await manager.update(UserEntity, { id, disabled: false }, { lastLoginAt: Date.now() });
      if (affected !== 1) throw new ProblemError('unauthenticated', 'User name or password is wrong.');
      await this.audit.record(manager, { ...visitor, actor: username }, { action: 'auth.login', outcome: 'succeeded' });
      return this.sessions.open(manager, id, visitor.address);
    });
  }

  private async actorOf(userId: string, visitor: Visitor): Promise<Actor> {
    const user = await this.database.repository(UserEntity).findOneBy({ id: userId });
    return { ...visitor, actor: user?.username ?? '-' };
  }
}
