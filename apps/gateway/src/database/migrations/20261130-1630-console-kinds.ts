import { Table, TableIndex, type MigrationInterface, type QueryRunner, type TableColumnOptions } from 'typeorm';
import { createTable } from '../create-table.ts';

/** Which console a ticket opens: until the text console there was one. Tickets last for seconds: those there are may go. */
export class ConsoleKinds1796056200000 implements MigrationInterface {
  readonly name = 'ConsoleKinds1796056200000';

  async up(runner: QueryRunner): Promise<void> {
    // A gateway of the release before, which says nothing of it, may still write tickets.
    await replaceTickets(runner, [{ name: 'kind', type: 'varchar', length: '16', default: "'graphic'" }]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await replaceTickets(runner, []);
  }
}

async function replaceTickets(runner: QueryRunner, more: TableColumnOptions[]): Promise<void> {
  await runner.dropTable('console_tickets');
  await createTable(
    runner,
    new Table({
      name: 'console_tickets',
      columns: [
        { name: 'hash', type: 'varchar', length: '64', isPrimary: true },
        { name: 'vmId', type: 'varchar', length: '200' },
        { name: 'actor', type: 'varchar', length: '160' },
        { name: 'userId', type: 'varchar', length: '36' },
        { name: 'sessionId', type: 'varchar', length: '36', isNullable: true },
        { name: 'tokenId', type: 'varchar', length: '36', isNullable: true },
        ...more,
        { name: 'expiresAt', type: 'bigint' },
      ],
      indices: [new TableIndex({ name: 'console_tickets_expiry', columnNames: ['expiresAt'] })],
    }),
  );
}
