import { Table, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTable } from '../create-table.ts';

export class AuditAndIdempotency1795309800000 implements MigrationInterface {
  readonly name = 'AuditAndIdempotency1795309800000';

  async up(runner: QueryRunner): Promise<void> {
    await createTable(
      runner,
      new Table({
        name: 'audit',
        columns: [
          { name: 'id', type: 'varchar', length: '36', isPrimary: true },
          { name: 'at', type: 'bigint' },
          { name: 'actor', type: 'varchar', length: '160' },
          { name: 'address', type: 'varchar', length: '64' },
          { name: 'action', type: 'varchar', length: '64' },
          { name: 'target', type: 'varchar', length: '255', isNullable: true },
          { name: 'outcome', type: 'varchar', length: '16' },
          { name: 'code', type: 'varchar', length: '64', isNullable: true },
          { name: 'requestId', type: 'varchar', length: '64' },
          { name: 'operationId', type: 'varchar', length: '36', isNullable: true },
        ],
        indices: [
          new TableIndex({ name: 'audit_actor', columnNames: ['actor', 'id'] }),
          new TableIndex({ name: 'audit_action', columnNames: ['action', 'id'] }),
          new TableIndex({ name: 'audit_target', columnNames: ['target', 'id'] }),
          new TableIndex({ name: 'audit_operation', columnNames: ['operationId'] }),
        ],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'idempotency',
        columns: [
          { name: 'id', type: 'varchar', length: '64', isPrimary: true },
          { name: 'fingerprint', type: 'varchar', length: '64' },
          { name: 'owner', type: 'varchar', length: '36' },
          { name: 'heldUntil', type: 'bigint' },
          { name: 'status', type: 'int', isNullable: true },
          { name: 'operationId', type: 'varchar', length: '36', isNullable: true },
          { name: 'answer', type: 'text', isNullable: true },
          { name: 'expiresAt', type: 'bigint' },
        ],
        indices: [new TableIndex({ name: 'idempotency_expiry', columnNames: ['expiresAt'] })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('idempotency');
    await runner.dropTable('audit');
  }
}
