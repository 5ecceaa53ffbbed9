import { Username, type Role } from '@polyvirt/contracts';
import type { Audit } from '../audit/audit.ts';
import { localActor } from '../audit/local-audit.ts';
import { isDuplicate } from '../database/database-errors.ts';
import type { Database } from '../database/database.ts';
import type { OldUser } from './old-users.ts';
import { UserEntity } from './user.entity.ts';
import { newUser } from './users.ts';

/** How the import of a user ended; `why` says why it was left out. */
export type ImportedUser = { readonly username: string } & ({ readonly role: Role } | { readonly why: string });

const bcryptHash = /^\$2[aby]\$\d{2}\$[./A-Za-z0-9]{53}$/;

/** There are no users yet. With imported ones there would be, and none of them the first admin. */
export class NoUsersYetError extends Error {
  override readonly name = 'NoUsersYetError';

  constructor() {
    super('There are no users here yet: start the gateway once, which makes the first admin, and import them then.');
  }
}

/**
 * Makes the users of Auto-Creation-VM here, with the passwords that they have. Who is here already stays as he is. There everybody
 * could do everything with machines, so whose role is not known becomes `operator`. Throws {@link NoUsersYetError}.
 */
export async function importUsers(
  database: Database,
  audit: Audit,
  users: readonly OldUser[],
): Promise<ImportedUser[]> {
  if ((await database.repository(UserEntity).count()) === 0) throw new NoUsersYetError();
  const imported: ImportedUser[] = [];
  for (const user of users) imported.push(await importUser(database, audit, user));
  return imported;
}

async function importUser(database: Database, audit: Audit, old: OldUser): Promise<ImportedUser> {
  const { username } = old;
  const why = fault(old);
  if (why !== undefined) return { username, why };
  const role = old.role ?? 'operator';
  // PHP's name for the same thing, which the library here does not know.
  const passwordHash = old.passwordHash.replace(/^\$2y\$/, '$2b$');
  const user = { ...newUser(username, passwordHash, role), disabled: old.disabled };
  try {
    await database.transaction(async (manager) => {
      await manager.insert(UserEntity, user);
      await audit.record(manager, localActor(), { action: 'user.import', outcome: 'succeeded', target: username });
    });
    return { username, role };
  } catch (error) {
    if (isDuplicate(error)) return { username, why: 'There is a user of this name already.' };
    throw error;
  }
}

function fault({ username, passwordHash }: OldUser): string | undefined {
  if (!Username.safeParse(username).success)
    return 'A user name has 1 to 64 letters, digits, dots, hyphens and underscores.';
  return bcryptHash.test(passwordHash) ? undefined : 'The password is not kept as a bcrypt hash.';
}
