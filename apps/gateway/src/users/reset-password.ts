import { weaknessOf } from '@polyvirt/contracts';
import type { Audit } from '../audit/audit.ts';
import { localActor } from '../audit/local-audit.ts';
import { IdentityRevisionEntity } from '../auth/identity-revision.entity.ts';
import { KnownDeviceEntity } from '../auth/known-device.entity.ts';
import type { Passwords } from '../auth/passwords.ts';
import { SessionEntity } from '../auth/session.entity.ts';
import type { Database } from '../database/database.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { IsNull } from 'typeorm';
import { UserEntity } from './user.entity.ts';

/** Why no password was reset, in a sentence. */
export class PasswordNotReset extends Error {
  override readonly name = 'PasswordNotReset';
}

/**
 * Gives a user another password, by the database alone: for whoever has lost it and may read the secrets of the gateway. Sessions and
 * API tokens end, at gateways that run within a second; a user who was disabled or kept out after wrong guesses may log in again.
 * @throws PasswordNotReset if there is no such user, or the password would be guessed
 */
export async function resetPassword(
  database: Database,
  audit: Audit,
  passwords: Passwords,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<{ readonly wasDisabled: boolean }> {
  const usernameKey = username.toLowerCase();
  const found = await database.repository(UserEntity).findOneBy({ usernameKey });
  if (!found) throw new PasswordNotReset(`There is no user ${username}. ${await adminsOf(database)}`);
  const weakness = weaknessOf(password, found.username);
  if (weakness !== undefined) throw new PasswordNotReset(weakness);
  const passwordHash = await passwords.hash(password);
  return database.transaction(async (manager) => {
    // As every change of who may do what begins, so that gateways look again.
    await manager.increment(IdentityRevisionEntity, { id: 1 }, 'revision', 1);
    const { id: userId, disabled: wasDisabled, revision } = await manager.findOneByOrFail(UserEntity, { usernameKey });
    await manager.update(
      UserEntity,
      { id: userId },
      { passwordHash, disabled: false, unlockedAt: Date.now(), revision: revision + 1 },
    );
    await manager.update(SessionEntity, { userId, revokedAt: IsNull() }, { revokedAt: Date.now() });
    await manager.delete(KnownDeviceEntity, { userId });
    const ended = (await manager.delete(TokenEntity, { userId })).affected ?? 0;
    await audit.record(manager, localActor(), {
      action: 'user.reset-password',
      outcome: 'succeeded',
      target: found.username,
      detail: `${ended} API tokens ended${wasDisabled ? '; disabled: true → false' : ''}`,
    });
    return { wasDisabled };
  });
}

async function adminsOf(database: Database): Promise<string> {
  const admins = await database
    .repository(UserEntity)
    .find({ where: { role: 'admin' }, order: { usernameKey: 'ASC' } });
  return admins.length === 0
    ? 'There are no users yet: the first start of the gateway makes one.'
    : `Admins are ${admins.map(({ username }) => username).join(', ')}.`;
}
