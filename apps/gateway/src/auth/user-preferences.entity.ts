import type { Preferences } from '@polyvirt/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a user has chosen. Beside the user, whose revision it does not change. */
@Entity({ name: 'user_preferences' })
export class UserPreferencesEntity {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  userId!: string;

  @Column({ type: 'simple-json' })
  value!: Preferences;
}
