import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startMariaDb, type MariaDbServer } from '@polyvirt/tools';
import { hashSync } from 'bcrypt';
import { createConnection, type Connection } from 'mysql2/promise';
import { Audit } from '../audit/audit.ts';
import { Database } from '../database/database.ts';
import { adminPassword, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { openDatabase } from '../database/open-database.ts';
import { importUsers, NoUsersYetError } from './import-users.ts';
import { NoOldUsersError, readOldUsers } from './old-users.ts';
import { UserEntity } from './user.entity.ts';

jest.setTimeout(180_000);

describe('the users of an Auto-Creation-VM database', () => {
  let server: MariaDbServer;
  let gateway: TestGateway;
  let count = 0;
  beforeAll(async () => {
    server = await startMariaDb();
    gateway = await startTestGateway();
  });
  afterAll(async () => {
    await gateway?.stop();
    await server?.stop();
  });

  /** A database of its own, made by these statements. */
  async function withDatabase<Result>(
    statements: string[],
    work: (old: Connection) => Promise<Result>,
  ): Promise<Result> {
    const name = `polyvirt_old_${(count += 1)}`;
    const root = await createConnection(server.url());
    await root.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
    await root.end();
    const old = await createConnection(server.url(name));
    try {
      for (const statement of statements) await old.query(statement);
      return await work(old);
    } finally {
      await old.end();
    }
  }
  const importFrom = (statements: string[]) =>
    withDatabase(statements, async (old) =>
      importUsers(gateway.app.get(Database), gateway.app.get(Audit), await readOldUsers(old)),
    );
  const hashOf = (password: string) => hashSync(password, 4);

  it('log in with the passwords that they had, in the roles that they had', async () => {
    const php = hashOf('mot-de-passe').replace('$2b$', '$2y$');
    const imported = await importFrom([
      'CREATE TABLE sessions (id INT, token VARCHAR(64))',
      'CREATE TABLE users (id INT PRIMARY KEY, username VARCHAR(80), password_hash VARCHAR(255), role VARCHAR(20), is_active BOOLEAN)',
      `INSERT INTO users VALUES (1, 'marie', '${hashOf('court')}', 'admin', 1), (2, 'paul', '${php}', 'user', 1),
        (3, 'zoe', '${hashOf('x')}', 'user', 0), (4, 'lea', 'md5:abc', 'user', 1), (5, 'a b', '${hashOf('x')}', 'user', 1),
        (6, 'admin', '${hashOf('evil')}', 'admin', 1)`,
    ]);
    expect(imported).toEqual([
      { username: 'marie', role: 'admin' },
      { username: 'paul', role: 'operator' },
      { username: 'zoe', role: 'operator' },
      { username: 'lea', why: expect.stringContaining('bcrypt') },
      { username: 'a b', why: expect.stringContaining('user name') },
      { username: 'admin', why: expect.stringContaining('already') },
    ]);
    const roleOf = async (username: string, password: string) => {
      const { accessToken } = await gateway.login(username, password);
      const me = await gateway.call<{ user: { role: string } }>('GET', '/api/v1/auth/me', { token: accessToken });
      return me.body.user.role;
    };
    expect(await roleOf('marie', 'court')).toBe('admin');
    expect(await roleOf('paul', 'mot-de-passe')).toBe('operator');
    await expect(gateway.login('zoe', 'x')).rejects.toThrow('log-in');
    // Nobody takes over who was here before.
    await expect(gateway.login('admin', 'evil')).rejects.toThrow('log-in');
    const { accessToken: token } = await gateway.login('admin', adminPassword);
    const audit = await gateway.call<{ items: { action: string; target: string }[] }>('GET', '/api/v1/audit', {
      token,
    });
    expect(audit.body.items).toContainEqual(expect.objectContaining({ action: 'user.import', target: 'marie' }));
  });

  it('are not imported where there is no user yet, so that the first admin is made there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-no-users-'));
    const database = await openDatabase(`sqlite:${join(folder, 'polyvirt.db')}`);
    try {
      const old = { username: 'marie', passwordHash: hashOf('court'), role: 'admin', disabled: false } as const;
      await expect(importUsers(database, gateway.app.get(Audit), [old])).rejects.toThrow(NoUsersYetError);
      expect(await database.repository(UserEntity).count()).toBe(0);
    } finally {
      await database.close();
      await rm(folder, { recursive: true });
    }
  });

  it('are found under other names of tables and columns, and in bytes', async () => {
    const imported = await importFrom([
      'CREATE TABLE Utilisateurs (id INT, Nom VARCHAR(80), Mot_De_Passe VARBINARY(60), Is_Admin BIT(1))',
      `INSERT INTO Utilisateurs VALUES (1, 'jean', '${hashOf('x')}', b'1'), (2, 'anne', '${hashOf('x')}', b'0')`,
    ]);
    expect(imported).toEqual([
      { username: 'jean', role: 'admin' },
      { username: 'anne', role: 'operator' },
    ]);
  });

  it('are not guessed at in a database that has none', async () => {
    const none = ['CREATE TABLE users (id INT, nickname VARCHAR(10))'];
    await expect(withDatabase(none, (old) => readOldUsers(old))).rejects.toThrow(NoOldUsersError);
  });
});
