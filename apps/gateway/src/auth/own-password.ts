import { Injectable } from '@nestjs/common';
import { ProblemError, weaknessOf, type ChangePasswordInput, type Confirmation } from '@polyvirt/contracts';
import { Audit } from '../audit/audit.ts';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { invalidInput } from '../http/faults.ts';
import { UserEntity } from '../users/user.entity.ts';
import type { Caller } from './caller.decorator.ts';
import { IdentityChanges } from './identity-changes.ts';
import { KnownDevices } from './known-devices.ts';
import { Logins, type Visitor } from './logins.ts';
import { Passwords } from './passwords.ts';
import { Sessions } from './sessions.ts';

const action = 'auth.password';

/** Lets users change their own password, which takes the one they have. */
@Injectable()
export class OwnPassword {
  constructor(
    private readonly database: Database,
    private readonly changes: IdentityChanges,
    private readonly sessions: Sessions,
    private readonly logins: Logins,
    private readonly devices: KnownDevices,
    private readonly passwords: Passwords,
    private readonly audit: Audit,
  ) {}

  /**
   * For who has a session. Throws `invalid-input` for a wrong or an unchanged password, and `too-many-requests` after
   * too many wrong ones, which count like those of a log-in.
   */
  async change({ current, password }: ChangePasswordInput, caller: Caller, from: Visitor): Promise<void> {
    const { userId, username } = caller;
    const sessionId = caller.sessionId!;
    const user = await this.require(caller, current, from, '/current', action);
    const weakness = weaknessOf(password, username);
    if (weakness !== undefined) throw invalidInput('body', [{ pointer: '/password', detail: weakness }]);
    if (password === current)
      throw invalidInput('body', [{ pointer: '/password', detail: 'The new password is the one you have.' }]);
    const passwordHash = await this.passwords.hash(password);
    await this.changes.change(async (manager) => {
      // Whoever changed it in the meantime has locked this request out.
      const { affected } = await manager.update(
        UserEntity,
        { id: userId, passwordHash: user.passwordHash },
        { passwordHash, revision: user.revision + 1 },
      );
      if (affected !== 1) throw new ProblemError('unauthenticated', 'The password has been changed; log in again.');
      await this.sessions.endOthers(manager, userId, sessionId);
      await this.devices.forget(manager, userId);
      await this.audit.record(manager, caller, { action, outcome: 'succeeded', target: username });
    });
  }
  /** For who has a session. Throws `invalid-input` for a wrong password, and `too-many-requests` like a log-in. */
  async confirm(password: string, caller: Caller, from: Visitor): Promise<Confirmation> {
    const sessionId = caller.sessionId!;
    await this.require(caller, password, from, '/password', 'auth.confirm');
    const confirmedUntil = await this.changes.change(async (manager) => {
      await this.audit.record(manager, caller, { action: 'auth.confirm', outcome: 'succeeded' });
      return this.sessions.confirm(manager, sessionId);
    });
    return { confirmedUntil: isoTime(confirmedUntil) };
  }

  /** The user, if that is the password. Throws like `confirm`, with the pointer; the audit has it under `refused`. */
  async require(
    caller: Caller,
    password: string,
    from: Visitor,
    pointer: string,
    refused: string,
  ): Promise<UserEntity> {
    const user = await this.database.repository(UserEntity).findOneBy({ id: caller.userId, disabled: false });
    if (!user) throw new ProblemError('unauthenticated', 'The user is gone.');
    let isWrong = false;
    try {
      await this.logins.requirePassword(user, caller.sessionId!, password, from, () => {
        isWrong = true;
        return invalidInput('body', [{ pointer, detail: 'This is not the password of your account.' }]);
      });
    } finally {
      if (isWrong) await this.audit.note(caller, { action: refused, outcome: 'refused', code: 'invalid-input' });
    }
    return user;
  }
}
