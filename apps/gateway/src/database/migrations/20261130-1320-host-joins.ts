import { Table, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTable } from '../create-table.ts';

/** Hosts that are added, drained and removed, and the machines that joined as them. */
export class HostJoins1796044800000 implements MigrationInterface {
  readonly name = 'HostJoins1796044800000';

  async up(runner: QueryRunner): Promise<void> {
    await createTable(
      runner,
      new Table({
        name: 'registered_hosts',
        columns: [
          { name: 'id', type: 'varchar', length: '63', isPrimary: true },
          { name: 'hypervisor', type: 'varchar', length: '16' },
          { name: 'createdBy', type: 'varchar', length: '160' },
          { name: 'createdAt', type: 'bigint' },
          { name: 'revision', type: 'int' },
          { name: 'drainedAt', type: 'bigint', isNullable: true },
          { name: 'drainedBy', type: 'varchar', length: '160', isNullable: true },
          { name: 'removedAt', type: 'bigint', isNullable: true },
        ],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'host_joins',
        columns: [
          { name: 'id', type: 'varchar', length: '32', isPrimary: true },
          { name: 'host', type: 'varchar', length: '63' },
          { name: 'tokenHash', type: 'varchar', length: '64' },
          { name: 'expiresAt', type: 'bigint' },
          { name: 'createdBy', type: 'varchar', length: '160' },
          { name: 'createdAt', type: 'bigint' },
          { name: 'joinedAt', type: 'bigint', isNullable: true },
          { name: 'joinedFrom', type: 'varchar', length: '64', isNullable: true },
          { name: 'publicKey', type: 'varchar', length: '56', isNullable: true },
          { name: 'agentVersion', type: 'varchar', length: '64', isNullable: true },
          { name: 'endsAt', type: 'bigint', isNullable: true },
        ],
        indices: [new TableIndex({ name: 'host_joins_host', columnNames: ['host'] })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('host_joins');
    await runner.dropTable('registered_hosts');
  }
}
