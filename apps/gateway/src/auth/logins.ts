import { Injectable } from '@nestjs/common';
import { ProblemError, Username, type LoginInput, type TokenPair } from '@polyvirt/contracts';
import { Audit, type Actor, type AuditEntry } from '../audit/audit.ts';
import { Database } from '../database/database.ts';
import { RateLimits, type Guess } from '../rate-limit/rate-limits.ts';
import { UserEntity } from '../users/user.entity.ts';
import { KnownDevices, newDevice } from './known-devices.ts';
import { Passwords } from './passwords.ts';
import { Sessions } from './sessions.ts';

/** Where a request without a caller comes from. */
export interface Visitor {
  address: string;
  requestId: string;
  clientRequestId?: string | undefined;
  /** What the program calls itself. */
  client: string | null;
  /** What the cookie of a browser in which somebody logged in before holds. */
  device?: string | undefined;
}

export interface LoggedIn {
  readonly pair: TokenPair;
  /** For the cookie by which the browser is known from now on. */
  readonly device: string;
}

type Account = Pick<UserEntity, 'id' | 'unlockedAt'>;

/** Log-in, refresh and logout, with what the audit keeps of them. */
@Injectable()
export class Logins {
  constructor(
    private readonly database: Database,
    private readonly sessions: Sessions,
    private readonly devices: KnownDevices,
    private readonly limits: RateLimits,
    private readonly audit: Audit,
    private readonly passwords: Passwords,
  ) {}

  /** The answer is the same, and as slow, whether the name, the password or the account is at fault. */
  async login({ username, password, session }: LoginInput, visitor: Visitor): Promise<LoggedIn> {
    await this.counted(visitor, () => this.limits.admitAttempt(visitor.address));
    const user = await this.find(username);
    // What was typed as a name may be a password, so only a name that there is gets into the audit.
    const target = user?.username;
    const guess = await this.guessAt(user ?? undefined, username, visitor);
    await this.counted(visitor, () => this.limits.admitGuess(guess), target);
    if (!(await this.passwords.matches(password, user?.passwordHash))) {
      await this.note(visitor, { action: 'auth.login', target, outcome: 'refused', code: 'unauthenticated' });
      throw wrong();
    }
    await this.limits.guessWasRight(guess);
    return this.enter(user!, visitor, session === 'cookie');
  }

  async refresh(refreshToken: string, visitor: Visitor): Promise<TokenPair> {
    const result = await this.sessions.refresh(refreshToken);
    if (result.outcome === 'unknown') await this.note(visitor, { action: 'auth.refresh', ...refusedAsUnknown });
    else if (result.outcome === 'refreshed')
      await this.audit.note(await this.actorOf(result.userId, visitor), {
        action: 'auth.refresh',
        outcome: 'succeeded',
      });
    else
      await this.audit.note(await this.actorOf(result.userId, visitor), {
        action: 'auth.refresh',
        outcome: 'refused',
        code: 'unauthenticated',
        target: 'a refresh token was used twice; its session has ended',
      });
    if (result.outcome === 'refreshed') return result.pair;
    throw new ProblemError('unauthenticated', 'The refresh token is not good any more; log in again.');
  }

  /** Asking for what already is succeeds: a session that has ended stays so. */
  async logout(refreshToken: string, visitor: Visitor): Promise<void> {
    await this.sessions.endByRefreshToken(refreshToken, (manager, username) =>
      this.audit.record(manager, actor(visitor, username), { action: 'auth.logout', outcome: 'succeeded' }),
    );
  }

  /**
   * Whether it is the password of the user of a session, counted as a guess like that of a log-in. The place is the session: guesses
   * of strangers keep its user out no more than from anywhere else, and whoever has taken it over has no more of them elsewhere.
   * Throws `too-many-requests`, and `mismatch()` for a wrong one.
   */
  async requirePassword(
    user: UserEntity,
    sessionId: string,
    password: string,
    { address }: Visitor,
    mismatch: () => Error,
  ): Promise<void> {
    await this.limits.admitAttempt(address);
    const guess: Guess = { account: accountOf(user), place: `session ${sessionId}`, address, isKnown: true };
    await this.limits.admitGuess(guess);
    if (!(await this.passwords.matches(password, user.passwordHash))) throw mismatch();
    await this.limits.guessWasRight(guess);
  }

  private find(username: string): Promise<UserEntity | null> {
    // A name that nobody can have is not looked for: databases have ideas of their own of what is equal.
    if (!Username.safeParse(username).success) return Promise.resolve(null);
    return this.database.repository(UserEntity).findOneBy({ usernameKey: username.toLowerCase(), disabled: false });
  }

  /** Counted by the account that was found, however its name was written. */
  private async guessAt(user: Account | undefined, username: string, { address, device }: Visitor): Promise<Guess> {
    const account = user ? accountOf(user) : `? ${username.toLowerCase()}`;
    return { account, address, ...(await this.devices.placeOf(user?.id, device, address)) };
  }

  private async enter({ id, username }: UserEntity, visitor: Visitor, isBrowser: boolean): Promise<LoggedIn> {
    const device = visitor.device ?? newDevice();
    const pair = await this.database.transaction(async (manager) => {
      // The password may have been changed, or the user disabled, while the old one was being compared.
      const { affected } = await manager.update(UserEntity, { id, disabled: false }, { lastLoginAt: Date.now() });
      if (affected !== 1) throw wrong();
      if (isBrowser) await this.devices.keep(manager, id, device);
      const pair = await this.sessions.open(manager, id, visitor);
      await this.audit.record(manager, actor(visitor, username), { action: 'auth.login', outcome: 'succeeded' });
      return pair;
    });
    return { pair, device };
  }

  /** Refused by a limit is refused too, and an act. */
  private async counted(visitor: Visitor, count: () => Promise<void>, target?: string): Promise<void> {
    try {
      await count();
    } catch (error) {
      if (error instanceof ProblemError)
        await this.note(visitor, { action: 'auth.login', target, outcome: 'refused', code: error.code });
      throw error;
    }
  }

  /** What nobody in particular did. Anybody can do it as often as they like, so only so much of it is kept. */
  private async note(visitor: Visitor, entry: AuditEntry): Promise<void> {
    if (await this.limits.mayRecord(visitor.address)) await this.audit.note(actor(visitor, '-'), entry);
  }

  private async actorOf(userId: string, visitor: Visitor): Promise<Actor> {
    const user = await this.database.repository(UserEntity).findOneBy({ id: userId });
    return actor(visitor, user?.username ?? '-');
  }
}

/** After an unlock it is counted anew. */
const accountOf = ({ id, unlockedAt }: Account): string => `${id} ${unlockedAt ?? 0}`;

const refusedAsUnknown = { outcome: 'refused', code: 'unauthenticated' } as const;

const wrong = () => new ProblemError('unauthenticated', 'User name or password is wrong.');

const actor = ({ address, requestId, clientRequestId }: Visitor, name: string): Actor => ({
  actor: name,
  address,
  requestId,
  ...(clientRequestId !== undefined && { clientRequestId }),
});
