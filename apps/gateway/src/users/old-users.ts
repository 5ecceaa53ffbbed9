import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Role } from '@polyvirt/contracts';

/** A user as the database of Auto-Creation-VM has it. */
export interface OldUser {
  readonly username: string;
  readonly passwordHash: string;
  /** Undefined where it says nothing that we know. */
  readonly role: Role | undefined;
  readonly disabled: boolean;
}

/** The database has no users that can be recognised; the message says what was looked for. */
export class NoOldUsersError extends Error {
  override readonly name = 'NoOldUsersError';
}

// Its document says no more than "MySQL, users and sessions, bcrypt", so tables and columns are found by what they may be called.
const tables = ['users', 'user', 'accounts', 'utilisateurs', 'utilisateur'];
const columns = {
  username: ['username', 'user_name', 'login', 'name', 'nom', 'nom_utilisateur', 'email'],
  hash: ['password_hash', 'hashed_password', 'passwordhash', 'password', 'passwd', 'pwd', 'mot_de_passe'],
  role: ['role', 'user_role', 'is_admin', 'admin'],
  active: ['is_active', 'active', 'enabled', 'actif'],
} as const;

type Columns = Partial<Record<keyof typeof columns, string>>;

/** Reads the users of an old database. Throws {@link NoOldUsersError}, or what the database answers. */
export async function readOldUsers(database: Connection): Promise<OldUser[]> {
  const { table, found } = await findTable(database);
  const [rows] = await database.query<RowDataPacket[]>('SELECT * FROM ??', [table]);
  return rows.map((row) => ({
    username: textOf(row[found.username!]).trim(),
    passwordHash: textOf(row[found.hash!]).trim(),
    role: found.role === undefined ? undefined : roleOf(row[found.role]),
    disabled: found.active !== undefined && isFalse(row[found.active]),
  }));
}

async function findTable(database: Connection): Promise<{ table: string; found: Columns }> {
  const [rows] = await database.query<RowDataPacket[]>(
    'SELECT table_name AS tableName, column_name AS columnName FROM information_schema.columns WHERE table_schema = DATABASE()',
  );
  const byTable = Map.groupBy(rows, (row) => textOf(row['tableName']));
  for (const wanted of tables) {
    for (const [table, own] of byTable) {
      if (table.toLowerCase() !== wanted) continue;
      const names = own.map((row) => textOf(row['columnName']));
      const pick = (candidates: readonly string[]) =>
        candidates.flatMap((one) => names.filter((name) => name.toLowerCase() === one))[0];
      const found: Columns = {};
      for (const key of ['username', 'hash', 'role', 'active'] as const) {
        const name = pick(columns[key]);
        if (name !== undefined) found[key] = name;
      }
      if (found.username !== undefined && found.hash !== undefined) return { table, found };
    }
  }
  throw new NoOldUsersError(
    `There is no table of users in it. A table called ${tables.join(', ')} was looked for, with a name in a column called ` +
      `${columns.username.join(', ')} and a bcrypt hash in one called ${columns.hash.join(', ')}.`,
  );
}

/** Columns may be text, bytes or numbers. */
const textOf = (value: unknown): string =>
  Buffer.isBuffer(value)
    ? value.toString('utf8')
    : typeof value === 'string'
      ? value
      : String((value as number | null) ?? '');

/** A BIT column comes as bytes. */
const isFalse = (value: unknown): boolean =>
  Buffer.isBuffer(value) && value.length === 1
    ? value[0] === 0
    : ['0', 'false', 'no', 'non'].includes(textOf(value).toLowerCase());

function roleOf(value: unknown): Role | undefined {
  if (Buffer.isBuffer(value) && value.length === 1 && value[0]! <= 1) return value[0] === 1 ? 'admin' : undefined;
  const text = textOf(value).toLowerCase();
  if (['1', 'true', 'admin', 'administrator', 'administrateur', 'superuser'].includes(text)) return 'admin';
  if (['operator', 'opérateur', 'operateur'].includes(text)) return 'operator';
  return ['viewer', 'readonly', 'read-only', 'guest', 'lecteur', 'invité'].includes(text) ? 'viewer' : undefined;
}
