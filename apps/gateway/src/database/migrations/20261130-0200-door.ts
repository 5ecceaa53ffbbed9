import { Table, TableColumn, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTable, textCollation } from '../create-table.ts';

const columns: Readonly<Record<string, TableColumn[]>> = {
  users: [new TableColumn({ name: 'unlockedAt', type: 'bigint', isNullable: true })],
  sessions: [
    new TableColumn({ name: 'lastUsedAt', type: 'bigint', default: 0 }),
    new TableColumn({ name: 'confirmedAt', type: 'bigint', default: 0 }),
    new TableColumn({ name: 'client', type: 'varchar', length: '200', isNullable: true }),
  ],
  audit: [
    new TableColumn({ name: 'detail', type: 'text', isNullable: true }),
    new TableColumn({ name: 'clientRequestId', type: 'varchar', length: '64', isNullable: true }),
    new TableColumn({ name: 'sequence', type: 'bigint', isNullable: true }),
  ],
  operations: [
    new TableColumn({ name: 'secretFields', type: 'text', isNullable: true }),
    new TableColumn({ name: 'secrets', type: 'text', isNullable: true }),
  ],
};

/** What the door needs to know: whom guesses lock out, when a password was given, that nobody changed the audit. */
export class Door1796004000000 implements MigrationInterface {
  readonly name = 'Door1796004000000';

  async up(runner: QueryRunner): Promise<void> {
    const isMysql = runner.dataSource.options.type === 'mysql';
    if (isMysql) await compareExactly(runner);
    for (const [table, added] of Object.entries(columns)) {
      for (const column of added) {
        const typed = column.clone();
        if (isMysql && typed.type === 'text') typed.type = 'mediumtext';
        await runner.addColumn(table, typed);
      }
    }
    await createTable(
      runner,
      new Table({
        name: 'known_devices',
        columns: [
          { name: 'hash', type: 'varchar', length: '64', isPrimary: true },
          { name: 'userId', type: 'varchar', length: '36' },
          { name: 'lastUsedAt', type: 'bigint' },
        ],
        indices: [new TableIndex({ name: 'known_devices_user', columnNames: ['userId'] })],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'audit_chain',
        columns: [
          { name: 'sequence', type: 'bigint', isPrimary: true },
          { name: 'recordId', type: 'varchar', length: '36' },
          { name: 'digest', type: 'varchar', length: '64' },
          { name: 'hash', type: 'varchar', length: '64' },
        ],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'audit_head',
        columns: [
          { name: 'id', type: 'int', isPrimary: true },
          { name: 'sequence', type: 'bigint' },
          { name: 'hash', type: 'varchar', length: '64' },
          { name: 'signature', type: 'varchar', length: '100' },
        ],
      }),
    );
    await runner.manager.insert('audit_head', { id: 1, sequence: 0, hash: '', signature: '' });
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['audit_head', 'audit_chain', 'known_devices']) await runner.dropTable(table);
    for (const [table, added] of Object.entries(columns)) {
      for (const { name } of added) await runner.dropColumn(table, name);
    }
  }
}

/** Gives every text that is there the collation of new ones, for which `admin ` and `admin` are two names. */
async function compareExactly(runner: QueryRunner): Promise<void> {
  const collation = await textCollation(runner);
  const tables = (await runner.query(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'`,
  )) as { name: string }[];
  // The two sides of a foreign key are converted one after the other.
  await runner.query('SET foreign_key_checks = 0');
  try {
    for (const { name } of tables)
      await runner.query(`ALTER TABLE \`${name}\` CONVERT TO CHARACTER SET utf8mb4 COLLATE ${collation}`);
  } finally {
    await runner.query('SET foreign_key_checks = 1');
  }
}
