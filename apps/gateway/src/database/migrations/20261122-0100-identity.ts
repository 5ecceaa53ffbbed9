import { Table, TableForeignKey, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createTable } from '../create-table.ts';

const id = { name: 'id', type: 'varchar', length: '36', isPrimary: true };
const ownedByUser = new TableForeignKey({
  columnNames: ['userId'],
  referencedTableName: 'users',
  referencedColumnNames: ['id'],
  onDelete: 'CASCADE',
});

export class Identity1795309200000 implements MigrationInterface {
  readonly name = 'Identity1795309200000';

  async up(runner: QueryRunner): Promise<void> {
    await createTable(
      runner,
      new Table({
        name: 'users',
        columns: [
          id,
          { name: 'username', type: 'varchar', length: '64' },
          { name: 'usernameKey', type: 'varchar', length: '64' },
          { name: 'passwordHash', type: 'varchar', length: '100' },
          { name: 'role', type: 'varchar', length: '16' },
          { name: 'disabled', type: 'boolean' },
          { name: 'createdAt', type: 'bigint' },
          { name: 'lastLoginAt', type: 'bigint', isNullable: true },
          { name: 'revision', type: 'int' },
        ],
        indices: [new TableIndex({ name: 'users_username', columnNames: ['usernameKey'], isUnique: true })],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'sessions',
        columns: [
          id,
          { name: 'userId', type: 'varchar', length: '36' },
          { name: 'tokenHash', type: 'varchar', length: '64' },
          { name: 'createdAt', type: 'bigint' },
          { name: 'expiresAt', type: 'bigint' },
          { name: 'revokedAt', type: 'bigint', isNullable: true },
          { name: 'address', type: 'varchar', length: '64' },
        ],
        indices: [
          new TableIndex({ name: 'sessions_user', columnNames: ['userId'] }),
          new TableIndex({ name: 'sessions_expiry', columnNames: ['expiresAt'] }),
        ],
        foreignKeys: [ownedByUser],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'api_tokens',
        columns: [
          id,
          { name: 'userId', type: 'varchar', length: '36' },
          { name: 'name', type: 'varchar', length: '80' },
          { name: 'prefix', type: 'varchar', length: '16' },
          { name: 'secretHash', type: 'varchar', length: '64' },
          { name: 'scopes', type: 'text' },
          { name: 'createdAt', type: 'bigint' },
          { name: 'expiresAt', type: 'bigint' },
          { name: 'lastUsedAt', type: 'bigint', isNullable: true },
        ],
        indices: [
          new TableIndex({ name: 'api_tokens_secret', columnNames: ['secretHash'], isUnique: true }),
          new TableIndex({ name: 'api_tokens_name', columnNames: ['userId', 'name'], isUnique: true }),
        ],
        foreignKeys: [ownedByUser.clone()],
      }),
    );
    await createTable(
      runner,
      new Table({
        name: 'identity_revision',
        columns: [
          { name: 'id', type: 'int', isPrimary: true },
          { name: 'revision', type: 'bigint' },
        ],
      }),
    );
    await runner.manager.insert('identity_revision', { id: 1, revision: 1 });
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['identity_revision', 'api_tokens', 'sessions', 'users']) await runner.dropTable(table);
  }
}
