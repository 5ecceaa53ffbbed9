import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';

// TypeORM's own statements are built anew each time and hold numbers as text, so that the database has to compile each of them. For
// the few rows that every command touches, that takes longer than what the statement does.

/** Inserts rows of which every column is given. */
export async function insertRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  rows: readonly Row[],
): Promise<void> {
  if (rows.length === 0) return;
  const { driver } = manager.connection;
  const { columns, tableName } = manager.connection.getMetadata(entity);
  const names = columns.map(({ databaseName }) => driver.escape(databaseName)).join(', ');
  const places = `(${columns.map(() => '?').join(', ')})`;
  await manager.query(
    `INSERT INTO ${driver.escape(tableName)} (${names}) VALUES ${rows.map(() => places).join(', ')}`,
    rows.flatMap((row) => columns.map((column) => driver.preparePersistentValue(column.getEntityValue(row), column))),
  );
}

/** Changes the rows whose columns have these values, all of them; answers how many there were. Inside a transaction. */
export async function updateRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  where: Partial<Row>,
  change: Partial<Row>,
): Promise<number> {
  const { driver } = manager.connection;
  const { tableName } = manager.connection.getMetadata(entity);
  const conditions = columnsIn(manager, entity, where);
  const changes = columnsIn(manager, entity, change);
  const sql = [
    `UPDATE ${driver.escape(tableName)} SET ${changes.map(({ name }) => `${name} = ?`).join(', ')}`,
    `WHERE ${conditions.map(({ name, value }) => `${name} ${value === null ? 'IS NULL' : '= ?'}`).join(' AND ')}`,
  ].join(' ');
  const values = [...changes, ...conditions.filter(({ value }) => value !== null)].map(({ value }) => value);
  const { affected } = await manager.queryRunner!.query(sql, values, true);
  return affected ?? 0;
}

/** The rows in which a column has one of these values, in any order. */
export async function findRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  property: keyof Row & string,
  values: readonly string[],
): Promise<Row[]> {
  if (values.length === 0) return [];
  const { driver } = manager.connection;
  const { columns, tableName } = manager.connection.getMetadata(entity);
  const selected = columns.map(({ databaseName }) => driver.escape(databaseName)).join(', ');
  const searched = driver.escape(columns.find(({ propertyName }) => propertyName === property)!.databaseName);
  // As few statements as there are powers of two, whatever the number of values.
  const places = 2 ** Math.ceil(Math.log2(values.length));
  const padded = [...values, ...Array.from({ length: places - values.length }, () => values[0])];
  const found = await manager.query<Record<string, unknown>[]>(
    `SELECT ${selected} FROM ${driver.escape(tableName)} WHERE ${searched} IN (${padded.map(() => '?').join(', ')})`,
    padded,
  );
  const rowOf = (raw: Record<string, unknown>) =>
    Object.fromEntries(
      columns.map((column) => [
        column.propertyName,
        driver.prepareHydratedValue(raw[column.databaseName], column) as unknown,
      ]),
    ) as unknown as Row;
  return found.map(rowOf);
}

function columnsIn<Row extends ObjectLiteral>(manager: EntityManager, entity: EntityTarget<Row>, row: Partial<Row>) {
  const { driver } = manager.connection;
  const { columns } = manager.connection.getMetadata(entity);
  return Object.entries(row).map(([property, value]) => {
    const column = columns.find(({ propertyName }) => propertyName === property)!;
    return { name: driver.escape(column.databaseName), value: driver.preparePersistentValue(value, column) as unknown };
  });
}
