import { stringify } from 'yaml';
import { UsageError, type Invocation } from '../declaration.ts';
import { printable, renderCsv, renderTable, type Column } from './table.ts';

/** How records of one kind are shown. */
export interface View<Item> {
  readonly columns: readonly Column<Item>[];
  /** By which it is named on a command line. */
  key(item: Item): string;
}

export type Format = 'table' | 'wide' | 'json' | 'yaml' | 'csv' | 'name';

/** Where no columns are declared: one for each value, by its path in the record: `hosts.total`. */
function columnsIn(items: readonly object[]): Column<object>[] {
  const paths = new Set(items.flatMap((item) => [...valuesIn(item).keys()]));
  return [...paths].map((header) => ({ header, value: (item) => valuesIn(item).get(header) }));
}

function valuesIn(item: object, path: readonly string[] = []): Map<string, string | number | boolean> {
  const found = Object.entries(item).flatMap(([name, value]: [string, unknown]) => {
    const here = [...path, name];
    if (value === undefined || value === null) return [];
    if (typeof value === 'object' && !Array.isArray(value)) return [...valuesIn(value, here)];
    const isWord = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return [[here.join('.'), isWord ? value : JSON.stringify(value)] as const];
  });
  return new Map(found);
}

export const formatOf = ({ given }: Invocation): Format => (given.text('output') ?? 'table') as Format;

/** The columns that are asked for. Throws `UsageError`. */
export function columnsOf<Item>(
  { given }: Invocation,
  { columns: declared }: View<Item>,
  items: readonly Item[],
): readonly Column<Item>[] {
  const columns = declared.length > 0 ? declared : (columnsIn(items as readonly object[]) as Column<Item>[]);
  const chosen = given.text('columns')?.split(',');
  if (!chosen) return columns.filter(({ wide }) => !wide || given.text('output') === 'wide');
  return chosen.map((name) => {
    const found = columns.find(({ header }) => header.toLowerCase() === name.trim().toLowerCase());
    if (!found)
      throw new UsageError(`There is no column ${name}; there are ${columns.map(({ header }) => header).join(', ')}.`);
    return found;
  });
}

/** The lines that show the items in the format that is asked for. */
export function linesOf<Item>(invocation: Invocation, view: View<Item>, items: readonly Item[]): string[] {
  const headers = !invocation.given.flag('no-headers');
  switch (formatOf(invocation)) {
    case 'json':
      return [JSON.stringify(items, undefined, 2)];
    case 'yaml':
      return [stringify(items).trimEnd()];
    case 'name':
      return items.map((item) => printable(view.key(item)));
    case 'csv':
      return renderCsv(columnsOf(invocation, view, items), items, headers);
    default:
      return renderTable(columnsOf(invocation, view, items), items, { headers, bold: invocation.terminal.colour });
  }
}

export function printItems<Item>(invocation: Invocation, view: View<Item>, items: readonly Item[]): void {
  for (const line of linesOf(invocation, view, items)) invocation.terminal.print(line);
}

/** One record: whole in JSON and YAML, as lines of `FIELD  value` in a table. */
export function printItem<Item extends object>(invocation: Invocation, view: View<Item>, item: Item): void {
  const { terminal } = invocation;
  switch (formatOf(invocation)) {
    case 'json':
      return terminal.print(JSON.stringify(item, undefined, 2));
    case 'yaml':
      return terminal.print(stringify(item).trimEnd());
    case 'name':
    case 'csv':
      return printItems(invocation, view, [item]);
    default: {
      if (invocation.given.has('columns')) return printItems(invocation, view, [item]);
      for (const line of fieldLines(item)) terminal.print(line);
    }
  }
}

/** Every field on a line of its own; what it holds is indented below it. */
export function fieldLines(item: object): string[] {
  return stringify(item, { lineWidth: 0 })
    .trimEnd()
    .split('\n')
    .map((line) => printable(line));
}
