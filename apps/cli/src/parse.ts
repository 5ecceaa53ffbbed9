import { parseArgs, type ParseArgsConfig } from 'node:util';
import { Given, UsageError, type Argument, type Command, type Options } from './declaration.ts';
import { asPersonOption, personOptions } from './person.ts';

export const commonOptions: Options = {
  output: {
    short: 'o',
    value: 'FORMAT',
    help: 'How to print.',
    choices: ['table', 'wide', 'json', 'yaml', 'csv', 'name'],
  },
  columns: { short: 'c', value: 'COLUMNS', help: 'Columns of the table, with commas.' },
  'no-headers': { help: 'Leave the heading of the table out.' },
  context: { value: 'NAME', help: 'Which installation to talk to; see `polyvirt context`.', completes: 'context' },
  debug: { help: 'Show each request on standard error.' },
  help: { short: 'h', help: 'Show this.' },
};

/** Those of the command itself, and what it needs to be done as a person. */
export const ownOptionsOf = ({ options, asPerson }: Command): Options => ({
  ...options,
  ...(asPerson === 'if-asked' && asPersonOption),
  ...(asPerson && personOptions),
});

export const optionsOf = (command: Command): Options => ({ ...ownOptionsOf(command), ...commonOptions });

export interface Parsed {
  readonly args: readonly string[];
  readonly given: Given;
}

/** The command that the words begin with, the longest there is, and what follows it. */
export function findCommand(
  commands: readonly Command[],
  words: readonly string[],
): { command: Command; rest: readonly string[] } | undefined {
  for (let length = Math.min(3, words.length); length > 0; length--) {
    const name = words.slice(0, length).join(' ');
    const command = commands.find((candidate) => candidate.name === name);
    if (command) return { command, rest: words.slice(length) };
  }
  return undefined;
}

/** Throws `UsageError`. */
export function parseCommandLine(command: Command, words: readonly string[]): Parsed {
  const options = optionsOf(command);
  const { values, positionals } = parse(words, options);
  const given = new Given(values as ConstructorParameters<typeof Given>[0]);
  for (const [name, option] of Object.entries(options)) {
    for (const value of [given.text(name) ?? [], given.list(name)].flat()) {
      if (option.choices && !option.choices.includes(value))
        throw new UsageError(`--${name} is one of ${option.choices.join(', ')}, not ${JSON.stringify(value)}.`);
      if (option.integer && !/^\d{1,9}$/.test(value))
        throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(value)}.`);
    }
  }
  if (!given.flag('help')) checkArguments(command.args ?? [], positionals);
  return { args: positionals, given };
}

function parse(words: readonly string[], options: Options) {
  const config: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { short, value, many }] of Object.entries(options))
    config[name] = {
      type: value === undefined ? 'boolean' : 'string',
      ...(short && { short }),
      ...(many && { multiple: true }),
    };
  try {
    return parseArgs({ args: [...words], options: config, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify')[0]!);
  }
}

function checkArguments(declared: readonly Argument[], values: readonly string[]): void {
  const needed = declared.filter(({ optional }) => !optional);
  if (values.length < needed.length) throw new UsageError(`${needed[values.length]!.name} is missing.`);
  if (!declared.some(({ many }) => many) && values.length > declared.length)
    throw new UsageError(`${JSON.stringify(values[declared.length])} is one argument too many.`);
  declared.forEach(({ name, choices }, index) => {
    const value = values[index];
    if (value !== undefined && choices && !choices.includes(value))
      throw new UsageError(`${name} is one of ${choices.join(', ')}, not ${JSON.stringify(value)}.`);
  });
}

/** MiB in `2048`, `2G`, `1.5GiB`, `512M`. Throws `UsageError`. */
export const memoryMiB = (option: string, text: string): number =>
  inUnits(option, text, 'M', { M: 1, G: 1024, T: 1024 ** 2 });
/** GiB in `20`, `20G`, `1T`. Throws `UsageError`. */
export const sizeGiB = (option: string, text: string): number => inUnits(option, text, 'G', { G: 1, T: 1024 });

function inUnits(option: string, text: string, preset: string, units: Readonly<Record<string, number>>): number {
  const match = /^(\d+(?:\.\d+)?)([a-z])?(?:i?b)?$/i.exec(text);
  const size = match && Number(match[1]) * (units[(match[2] ?? preset).toUpperCase()] ?? Number.NaN);
  if (size === null || !Number.isInteger(size) || size <= 0) {
    const named = Object.keys(units).join(', ');
    throw new UsageError(
      `--${option} takes a size with ${named} or without for ${preset}iB, such as 4G, not ${JSON.stringify(text)}.`,
    );
  }
  return size;
}

/** Seconds in `90`, `90s`, `10m`, `2h`. Throws `UsageError`. */
export function seconds(option: string, text: string): number {
  const match = /^(\d+)(s|m|h|d)?$/.exec(text);
  if (!match) throw new UsageError(`--${option} takes a duration such as 90s, 10m or 2h, not ${JSON.stringify(text)}.`);
  return Number(match[1]) * { s: 1, m: 60, h: 3_600, d: 86_400 }[(match[2] ?? 's') as 's' | 'm' | 'h' | 'd'];
}

/** `key=value` pairs. Throws `UsageError`. */
export function pairs(option: string, texts: readonly string[]): Record<string, string> {
  const split = texts.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`--${option} takes KEY=VALUE, not ${JSON.stringify(text)}.`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(split);
}
