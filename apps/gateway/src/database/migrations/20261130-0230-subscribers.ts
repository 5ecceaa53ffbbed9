import { Table, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTable } from '../create-table.ts';

/** Programs that read events from the bus. */
export class Subscribers1796005800000 implements MigrationInterface {
  readonly name = 'Subscribers1796005800000';

  async up(runner: QueryRunner): Promise<void> {
    await createTable(
      runner,
      new Table({
        name: 'subscribers',
        columns: [
          { name: 'id', type: 'varchar', length: '36', isPrimary: true },
          { name: 'name', type: 'varchar', length: '80' },
          { name: 'hosts', type: 'text', isNullable: true },
          { name: 'createdBy', type: 'varchar', length: '160' },
          { name: 'createdAt', type: 'bigint' },
          { name: 'revokedAt', type: 'bigint', isNullable: true },
        ],
        indices: [new TableIndex({ name: 'subscribers_name', columnNames: ['name'], isUnique: true })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('subscribers');
  }
}
