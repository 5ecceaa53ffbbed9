import { Injectable } from '@nestjs/common';
import { ProblemError, type ChangePasswordInput } from '@polyvirt/contracts';
import { Audit } from '../audit/audit.ts';
import { Database } from '../database/database.ts';
import { invalidInput } from '../http/faults.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { UserEntity } from '../users/user.entity.ts';
import type { Caller } from './caller.decorator.ts';
import { IdentityChanges } from './identity-changes.ts';
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
    private readonly limits: RateLimits,
    private readonly passwords: Passwords,
    private readonly audit: Audit,
  ) {}

  /**
   * Throws `forbidden` if an API token asks, `invalid-input` for a wrong or an unchanged password, and `too-many-requests` after
   * too many wrong ones, which count like those of a log-in.
   */
  async change({ current, password }: ChangePasswordInput, caller: Caller): Promise<void> {
    const { sessionId, userId, username, address } = caller;
    if (sessionId === undefined)
      throw new ProblemError('forbidden', 'An API token cannot change a password; log in with the password.');
    await this.limits.admitLogin(username, address);
    const user = await this.database.repository(UserEntity).findOneBy({ id: userId, disabled: false });
    if (!user || !(await this.passwords.matches(current, user.passwordHash))) {
      await this.audit.note(caller, { action, outcome: 'refused', code: 'invalid-input', target: username });
      throw invalidInput('body', [{ pointer: '/current', detail: 'This is not the password of your account.' }]);
    }
    await this.limits.loginSucceeded(username, address);
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
      await this.audit.record(manager, caller, { action, outcome: 'succeeded', target: username });
    });
  }
}
