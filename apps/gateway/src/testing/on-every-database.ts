import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { startMariaDb, type MariaDbServer } from '@polyvirt/tools';
import { createConnection } from 'mysql2/promise';

/** Gives the URL of a database that is new and empty. */
export type FreshDatabase = () => Promise<string>;

/** The same tests on a SQLite file and on a MariaDB server of their own. */
export function onEveryDatabase(subject: string, tests: (fresh: FreshDatabase) => void): void {
  jest.setTimeout(60_000);

  describe(`${subject} on SQLite`, () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'polyvirt-sqlite-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));
    tests(() => Promise.resolve(`sqlite:${join(folder, `${newName()}.db`)}`));
  });

  describe(`${subject} on MariaDB`, () => {
    let server: MariaDbServer;
    beforeAll(async () => {
      server = await startMariaDb();
    }, 180_000);
    afterAll(() => server?.stop());
    tests(async () => {
      const name = newName();
      const connection = await createConnection(server.url());
      // The worst default there is: what we need of a table, its migration has to say.
      await connection.query(`CREATE DATABASE ${name} CHARACTER SET latin1 COLLATE latin1_swedish_ci`);
      await connection.end();
      return server.url(name);
    });
  });
}

const newName = (): string => `polyvirt_${randomBytes(6).toString('hex')}`;
