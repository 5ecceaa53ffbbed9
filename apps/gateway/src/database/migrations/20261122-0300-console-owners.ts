import { Table, TableIndex, type MigrationInterface, type QueryRunner, type TableColumnOptions } from 'typeorm';
import { createTable } from '../create-table.ts';

/** Whose a console is, so that it ends with the right to it. Tickets last for seconds: those there are may go. */
export class ConsoleOwners1795316400000 implements MigrationInterface {
  readonly name = 'ConsoleOwners1795316400000';

  async up(runner: QueryRunner): Promise<void> {
    await replaceTickets(runner, [
      { name: 'userId', type: 'varchar', length: '36' },
      { name: 'sessionId', type: 'varchar', length: '36', isNullable: true },
      { name: 'tokenId', type: 'varchar', length: '36', isNullable: true },
    ]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await replaceTickets(runner, []);
  }
}

async function replaceTickets(runner: QueryRunner, owner: TableColumnOptions[]): Promise<void> {
  await runner.dropTable('console_tickets');
  await createTable(
    runner,
    new Table({
      name: 'console_tickets',
      columns: [
        { name: 'hash', type: 'varchar', length: '64', isPrimary: true },
        { name: 'vmId', type: 'varchar', length: '200' },
        { name: 'actor', type: 'varchar', length: '160' },
        ...owner,
        { name: 'expiresAt', type: 'bigint' },
      ],
      indices: [new TableIndex({ name: 'console_tickets_expiry', columnNames: ['expiresAt'] })],
    }),
  );
}
