import { Injectable } from '@nestjs/common';
import { Preferences } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { invalidInput } from '../http/faults.ts';
import { UserPreferencesEntity } from './user-preferences.entity.ts';

@Injectable()
export class UserPreferences {
  constructor(private readonly database: Database) {}

  async of(userId: string): Promise<Preferences> {
    return (await this.database.repository(UserPreferencesEntity).findOneBy({ userId }))?.value ?? {};
  }

  /** Throws `invalid-input` if everything together becomes too large. */
  async edit(userId: string, change: Preferences): Promise<void> {
    await this.database.transaction(async (manager) => {
      const kept = await manager.findOneBy(UserPreferencesEntity, { userId });
      const parsed = Preferences.safeParse({ ...kept?.value, ...change });
      if (!parsed.success)
        throw invalidInput('body', [{ pointer: '/preferences', detail: parsed.error.issues[0]!.message }]);
      await manager.upsert(UserPreferencesEntity, { userId, value: parsed.data }, ['userId']);
    });
  }
}
