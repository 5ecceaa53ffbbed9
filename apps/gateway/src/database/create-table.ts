import type { QueryRunner, Table } from 'typeorm';

const textTypes = new Set(['varchar', 'text']);

/**
 * Creates a table whose texts hold every character of Unicode and compare byte by byte, whatever the defaults of the
 * server are, and whose `text` holds 16 MiB. SQLite does all of it by itself.
 */
export async function createTable(runner: QueryRunner, table: Table): Promise<void> {
  if (runner.dataSource.options.type === 'mysql') {
    table.engine = 'InnoDB';
    const collation = await textCollation(runner);
    for (const column of table.columns) {
      if (!textTypes.has(column.type)) continue;
      column.charset = 'utf8mb4';
      column.collation = collation;
      if (column.type === 'text') column.type = 'mediumtext';
    }
  }
  await runner.createTable(table, false, true, true);
}

/** Compares every byte, those of spaces at the end too, which `utf8mb4_bin` takes for nothing. MySQL has another name for it. */
export async function textCollation(runner: QueryRunner): Promise<string> {
  const [{ version }] = (await runner.query('SELECT VERSION() AS version')) as [{ version: string }];
  return /mariadb/i.test(version) ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
}
