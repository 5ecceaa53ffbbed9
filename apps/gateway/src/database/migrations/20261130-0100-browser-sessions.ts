import { Table, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTable } from '../create-table.ts';

/** What a browser needs beside a session: tickets where it cannot send a token, and what its user prefers. */
export class BrowserSessions1796000400000 implements MigrationInterface {
  readonly name = 'BrowserSessions1796000400000';

  async up(runner: QueryRunner): Promise<void> {
    await createTable(
      runner,
      new Table({
        name: 'request_tickets',
        columns: [
          { name: 'hash', type: 'varchar', length: '64', isPrimary: true },
          { name: 'purpose', type: 'varchar', length: '64' },
          { name: 'userId', type: 'varchar', length: '36' },
          { name: 'sessionId', type: 'varchar', length: '36', isNullable: true },
          { name: 'tokenId', type: 'varchar', length: '36', isNullable: true },
          { name: 'expiresAt', type: 'bigint' },
        ],
        indices: [new TableIndex({ name: 'request_tickets_expiry', columnNames: ['expiresAt'] })],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'user_preferences',
        columns: [
          { name: 'userId', type: 'varchar', length: '36', isPrimary: true },
          { name: 'value', type: 'text' },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['user_preferences', 'request_tickets']) await runner.dropTable(table);
  }
}
