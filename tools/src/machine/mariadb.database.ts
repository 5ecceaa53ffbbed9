import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from './command.ts';
import { startMariaDb, type MariaDbServer } from './mariadb.ts';

describe('startMariaDb', () => {
  let server: MariaDbServer;
  const sql = (statement: string, user = server.user) =>
    run('mariadb', [
      '--no-defaults',
      '-N',
      '-h127.0.0.1',
      `-P${server.port}`,
      `-u${user}`,
      `-p${server.password}`,
      '-e',
      statement,
    ]);

  beforeAll(async () => {
    server = await startMariaDb();
  }, 120_000);
  afterAll(() => server.stop());

  it('lets its user make and drop databases of ours', async () => {
    await sql('CREATE DATABASE polyvirt_other; CREATE TABLE polyvirt_other.t (n INT); DROP DATABASE polyvirt_other');
    expect(await sql('SELECT DATABASE() IS NULL, CURRENT_USER()')).toBe('1\tpolyvirt@127.0.0.1\n');
  });

  it('keeps everybody else out', async () => {
    await expect(sql('SELECT 1', 'root')).rejects.toThrow('Access denied');
  });
});
