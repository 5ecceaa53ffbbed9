import { TableColumn, type MigrationInterface, type QueryRunner } from 'typeorm';

/** Which console a ticket opens. Until the text console there was one. */
export class ConsoleKinds1796056200000 implements MigrationInterface {
  readonly name = 'ConsoleKinds1796056200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn(
      'console_tickets',
      new TableColumn({ name: 'kind', type: 'varchar', length: '16', default: "'graphic'" }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('console_tickets', 'kind');
  }
}
