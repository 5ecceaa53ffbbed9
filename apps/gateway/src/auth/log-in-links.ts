import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ProblemError, weaknessOf, type LinkedUser, type LogInLink, type UseLinkInput } from '@polyvirt/contracts';
import { Audit } from '../audit/audit.ts';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { invalidInput } from '../http/faults.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { UserEntity } from '../users/user.entity.ts';
import type { Caller } from './caller.decorator.ts';
import { IdentityChanges } from './identity-changes.ts';
import { Keys } from './keys.ts';
import { KnownDevices } from './known-devices.ts';
import type { Visitor } from './logins.ts';
import { OwnPassword } from './own-password.ts';
import { Passwords } from './passwords.ts';
import { Sessions } from './sessions.ts';

const validMs = 24 * 3_600_000;
const issued = 'auth.link';
const used = 'auth.link-use';

/**
 * Links with which somebody sets a new password. Nothing of them is kept: the signature covers the hash of the password that is
 * replaced, so a link is good once, and no longer than that password is.
 */
@Injectable()
export class LogInLinks {
  private readonly keys: [Buffer, ...Buffer[]];

  constructor(
    private readonly database: Database,
    private readonly changes: IdentityChanges,
    private readonly sessions: Sessions,
    private readonly devices: KnownDevices,
    private readonly own: OwnPassword,
    private readonly passwords: Passwords,
    private readonly limits: RateLimits,
    private readonly audit: Audit,
    keys: Keys,
  ) {
    this.keys = keys.derive('log-in link');
  }

  /** For who has a session and gives the password. Throws like `OwnPassword.confirm`. */
  async issue(password: string, caller: Caller, from: Visitor): Promise<LogInLink> {
    const { id, passwordHash } = await this.own.require(caller, password, from, '/password', issued);
    const expiresAt = Date.now() + validMs;
    await this.audit.note(caller, { action: issued, outcome: 'succeeded' });
    const body = `${id}.${expiresAt}`;
    return { link: `${body}.${mac(this.keys[0], body, passwordHash)}`, expiresAt: isoTime(expiresAt) };
  }

  /**
   * Sets the password of whose link that is and ends all their sessions; of several who come with one link one succeeds. Throws
   * `unauthenticated`, and `invalid-input` for a weak password.
   */
  async use({ link, password }: UseLinkInput, from: Visitor): Promise<LinkedUser> {
    await this.limits.admitAttempt(from.address);
    const user = await this.ownerOf(link);
    if (!user) {
      if (await this.limits.mayRecord(from.address))
        await this.audit.note({ ...from, actor: '-' }, { action: used, outcome: 'refused', code: 'unauthenticated' });
      throw noGood();
    }
    const { id, username } = user;
    const weakness = weaknessOf(password, username);
    if (weakness !== undefined) throw invalidInput('body', [{ pointer: '/password', detail: weakness }]);
    const passwordHash = await this.passwords.hash(password);
    await this.changes.change(async (manager) => {
      const { affected } = await manager.update(
        UserEntity,
        { id, passwordHash: user.passwordHash, disabled: false },
        { passwordHash, revision: user.revision + 1 },
      );
      if (affected !== 1) throw noGood();
      await this.sessions.end(manager, { userId: id });
      await this.devices.forget(manager, id);
      await this.audit.record(manager, { ...from, actor: username }, { action: used, outcome: 'succeeded' });
    });
    return { username };
  }

  private async ownerOf(link: string): Promise<UserEntity | undefined> {
    const [id, expiresAt, given, ...rest] = link.split('.');
    if (!id || !given || rest.length > 0 || !(Number(expiresAt) > Date.now())) return undefined;
    const user = await this.database.repository(UserEntity).findOneBy({ id, disabled: false });
    if (!user) return undefined;
    const isOurs = this.keys.some((key) => {
      const [expected, found] = [mac(key, `${id}.${expiresAt}`, user.passwordHash), given].map(Buffer.from) as [
        Buffer,
        Buffer,
      ];
      return expected.length === found.length && timingSafeEqual(expected, found);
    });
    return isOurs ? user : undefined;
  }
}

const mac = (key: Buffer, body: string, passwordHash: string): string =>
  createHmac('sha256', key).update(`${body}\0${passwordHash}`).digest('base64url');

const noGood = () =>
  new ProblemError(
    'unauthenticated',
    'The link was used, has expired, or the password has changed since. Log in with the password; the next `npm start` prints another link while it is the first one.',
  );
