import stringWidth from 'string-width';

/** A column of a table. */
export interface Column<Item> {
  readonly header: string;
  /** Undefined is unknown. */
  value(item: Item): string | number | boolean | undefined;
  /** Only in `-o wide`, and when asked for. */
  readonly wide?: boolean;
}

/** Names come from hypervisors and guests: none may move the cursor or hide a row. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');

const isPlain = (text: string): boolean => /^[ -~]*$/.test(text);

/** Columns of a terminal. Nearly every text is plain, and of each of those the length is known at once. */
const widthOf = (text: string): number => (isPlain(text) ? text.length : stringWidth(text));

/** What of a line fits into so many columns. What switches bold on and off takes no room, and is kept even behind the end. */
export function clip(line: string, columns: number): string {
  if (isPlain(line)) return line.slice(0, columns);
  const letters = new Intl.Segmenter();
  let room = columns;
  return (
    line
      // eslint-disable-next-line no-control-regex
      .split(/(\x1b\[[0-9;]*m)/)
      .map((part, index) => {
        if (index % 2 === 1) return part;
        let shown = '';
        for (const { segment } of letters.segment(part)) {
          room -= widthOf(segment);
          if (room < 0) break;
          shown += segment;
        }
        return shown;
      })
      .join('')
  );
}

const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - widthOf(text)));

export function renderTable<Item>(
  columns: readonly Column<Item>[],
  items: readonly Item[],
  { headers = true, bold = false }: { headers?: boolean; bold?: boolean } = {},
): string[] {
  const cells = items.map((item) => columns.map((column) => printable(String(column.value(item) ?? '-'))));
  const heading = columns.map(({ header }) => header);
  const widths = heading.map((header, index) =>
    Math.max(headers ? widthOf(header) : 0, ...cells.map((row) => widthOf(row[index]!))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : pad(cell, widths[index]!)))
      .join('  ')
      .trimEnd();
  const first = line(heading);
  return [...(headers ? [bold ? `\x1b[1m${first}\x1b[22m` : first] : []), ...cells.map(line)];
}

export function renderCsv<Item>(columns: readonly Column<Item>[], items: readonly Item[], headers: boolean): string[] {
  const quote = (value: unknown) => {
    const text = value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = items.map((item) => columns.map((column) => quote(column.value(item))).join(','));
  return [...(headers ? [columns.map(({ header }) => quote(header)).join(',')] : []), ...rows];
}
