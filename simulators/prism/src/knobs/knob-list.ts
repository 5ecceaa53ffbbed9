import { KNOBS } from './knob-table.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The table of knobs that the README carries. */
export function knobList(): string {
  const rows = Object.entries(KNOBS).map(
    ([name, knob]) =>
      `| \`${name}\` | \`${cell(JSON.stringify(knob.default))}\` | ${cell(knob.values)} | ${knob.mark} | ${cell(knob.source)} | ${cell(knob.help)} |`,
  );
  return ['| Knob | Default | Values | Mark | Source | What it does |', '|---|---|---|---|---|---|', ...rows].join(
    '\n',
  );
}
