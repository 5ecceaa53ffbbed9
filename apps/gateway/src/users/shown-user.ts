import type { User } from '@polyvirt/contracts';
import { isoTime } from '../database/columns.ts';
import type { UserEntity } from './user.entity.ts';

/** A user as the API shows it. */
export const shownUser = ({ id, username, role, disabled, createdAt, lastLoginAt, revision }: UserEntity): User => ({
  id,
  username,
  role,
  disabled,
  createdAt: isoTime(createdAt),
  ...(lastLoginAt !== null && { lastLoginAt: isoTime(lastLoginAt) }),
  revision,
});
