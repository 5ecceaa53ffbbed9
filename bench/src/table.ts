import type { Row } from './row.ts';

const header = ['work', 'ours', 'beside', 'ratio', 'bar', ''];

/** A table in Markdown that lines up in a terminal too. */
export function renderTable(rows: readonly Row[]): string {
  const lines = [
    header,
    ...rows.map(({ work, ours, beside, ratio, bar, met }) => [
      work,
      ours,
      beside,
      ratio.toFixed(3),
      bar,
      met ? 'met' : 'MISSED',
    ]),
  ];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const render = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [render(lines[0]!), rule, ...lines.slice(1).map(render)].join('\n');
}
