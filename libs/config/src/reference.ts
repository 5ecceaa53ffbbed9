import { z } from 'zod';
import type { ConfigDefinition, Setting } from './define.ts';

export interface AppConfiguration {
  /** Name of the app: `gateway`. */
  readonly app: string;
  readonly definition: ConfigDefinition;
}

/** `docs/configuration.md` below its introduction: one table for each app. */
export function renderConfiguration(apps: readonly AppConfiguration[]): string {
  return apps
    .map(({ app, definition }) =>
      [
        `## ${app}`,
        '',
        '| Variable | Value | Default | Meaning |',
        '|---|---|---|---|',
        ...configurationRows(definition),
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** One Markdown row for each setting, in the order of the definition. */
export function configurationRows(definition: ConfigDefinition): string[] {
  return Object.values(definition).map((setting) =>
    ['', code(setting.env), valueOf(setting), defaultOf(setting), setting.help, '']
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | ')
      .trim(),
  );
}

function valueOf({ schema, secret }: Setting): string {
  if (secret) return 'secret text';
  const { type, enum: values, minimum, maximum } = z.toJSONSchema(schema, { unrepresentable: 'any' });
  if (values) return values.map((value) => code(String(value))).join(', ');
  if (type === 'boolean') return '`true`, `false`';
  if (type !== 'integer' && type !== 'number') return 'text';
  // Zod writes the range of safe integers out; it says nothing to an operator.
  const bounds = [
    ...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? [`at least ${minimum}`] : []),
    ...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? [`at most ${maximum}`] : []),
  ];
  return ['number', ...bounds].join(', ');
}

function defaultOf({ schema, default: value }: Setting): string {
  if (value !== undefined) return code(String(value));
  return schema.safeParse(undefined).success ? 'none' : 'required';
}

const code = (text: string) => `\`${text}\``;
