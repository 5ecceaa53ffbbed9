import { TableColumn, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';

const unlinked = new TableIndex({ name: 'audit_signature', columnNames: ['signature'] });
const links = new TableIndex({ name: 'audit_chain_record', columnNames: ['recordId'] });

/** Records of the audit are linked behind the transactions that write them; until then they have a signature each. */
export class AuditSignatures1796032800000 implements MigrationInterface {
  readonly name = 'AuditSignatures1796032800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn(
      'audit',
      new TableColumn({ name: 'signature', type: 'varchar', length: '100', isNullable: true }),
    );
    await runner.createIndex('audit', unlinked);
    await runner.createIndex('audit_chain', links);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropIndex('audit_chain', links);
    await runner.dropIndex('audit', unlinked);
    await runner.dropColumn('audit', 'signature');
  }
}
