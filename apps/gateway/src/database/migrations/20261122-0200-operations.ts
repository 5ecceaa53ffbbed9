import { Table, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTable } from '../create-table.ts';

const vmId = { name: 'vmId', type: 'varchar', length: '200', isPrimary: true };

export class Operations1795312800000 implements MigrationInterface {
  readonly name = 'Operations1795312800000';

  async up(runner: QueryRunner): Promise<void> {
    await createTable(
      runner,
      new Table({
        name: 'operations',
        columns: [
          { name: 'id', type: 'varchar', length: '36', isPrimary: true },
          { name: 'verb', type: 'varchar', length: '64' },
          { name: 'status', type: 'varchar', length: '16' },
          { name: 'host', type: 'varchar', length: '63', isNullable: true },
          { name: 'vmId', type: 'varchar', length: '200', isNullable: true },
          { name: 'requestedBy', type: 'varchar', length: '160' },
          { name: 'requestId', type: 'varchar', length: '64' },
          { name: 'parent', type: 'varchar', length: '36', isNullable: true },
          { name: 'retryOf', type: 'varchar', length: '36', isNullable: true },
          { name: 'createdAt', type: 'bigint' },
          { name: 'startedAt', type: 'bigint', isNullable: true },
          { name: 'endedAt', type: 'bigint', isNullable: true },
          { name: 'notAfter', type: 'bigint', isNullable: true },
          { name: 'publishedAt', type: 'bigint', isNullable: true },
          { name: 'rest', type: 'text' },
          { name: 'command', type: 'text', isNullable: true },
          { name: 'annotation', type: 'text', isNullable: true },
        ],
        indices: [
          new TableIndex({ name: 'operations_status', columnNames: ['status', 'id'] }),
          new TableIndex({ name: 'operations_vm', columnNames: ['vmId', 'id'] }),
          new TableIndex({ name: 'operations_host', columnNames: ['host', 'id'] }),
          new TableIndex({ name: 'operations_author', columnNames: ['requestedBy', 'id'] }),
          new TableIndex({ name: 'operations_parent', columnNames: ['parent', 'id'] }),
          new TableIndex({ name: 'operations_end', columnNames: ['endedAt'] }),
          new TableIndex({ name: 'operations_outbox', columnNames: ['publishedAt'] }),
        ],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'operation_locks',
        columns: [
          { name: 'key', type: 'varchar', length: '64', isPrimary: true },
          { name: 'operationId', type: 'varchar', length: '36' },
        ],
        indices: [new TableIndex({ name: 'operation_locks_operation', columnNames: ['operationId'] })],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'batches',
        columns: [
          { name: 'id', type: 'varchar', length: '36', isPrimary: true },
          { name: 'plan', type: 'text' },
          { name: 'runner', type: 'varchar', length: '36', isNullable: true },
          { name: 'leaseUntil', type: 'bigint' },
          { name: 'cancelledBy', type: 'varchar', length: '160', isNullable: true },
        ],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'event_cursors',
        columns: [
          { name: 'name', type: 'varchar', length: '32', isPrimary: true },
          { name: 'position', type: 'bigint' },
        ],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'vm_annotations',
        columns: [
          vmId,
          { name: 'labels', type: 'text' },
          { name: 'notes', type: 'text' },
          { name: 'protected', type: 'boolean' },
          { name: 'version', type: 'int' },
        ],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'vm_rollups',
        columns: [vmId, { name: 'hour', type: 'bigint', isPrimary: true }, { name: 'minutes', type: 'text' }],
        indices: [new TableIndex({ name: 'vm_rollups_hour', columnNames: ['hour'] })],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'archives',
        columns: [vmId, { name: 'sequence', type: 'bigint' }, { name: 'archive', type: 'text' }],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'console_tickets',
        columns: [
          { name: 'hash', type: 'varchar', length: '64', isPrimary: true },
          { name: 'vmId', type: 'varchar', length: '200' },
          { name: 'actor', type: 'varchar', length: '160' },
          { name: 'expiresAt', type: 'bigint' },
        ],
        indices: [new TableIndex({ name: 'console_tickets_expiry', columnNames: ['expiresAt'] })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    const tables = [
      'console_tickets',
      'archives',
      'vm_rollups',
      'vm_annotations',
      'event_cursors',
      'batches',
      'operation_locks',
      'operations',
    ];
    for (const table of tables) await runner.dropTable(table);
  }
}
