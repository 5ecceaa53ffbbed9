import { parseArgs, type ParseArgsConfig } from 'node:util';
import { Given, UsageError, type Argument, type Command, type Option, type Options } from './declaration.ts';
import { nearest } from './nearest.ts';
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
  for (const [name, option] of Object.entries(options))
    for (const value of [given.text(name) ?? [], given.list(name)].flat()) checkValue(name, option, value);
  for (const [name, { excludes = [] }] of Object.entries(options))
    for (const other of excludes)
      if (given.has(name) && given.has(other)) throw new UsageError(`--${name} and --${other} exclude each other.`);
  // The last word of a command line that is completed may be empty.
  if (!given.flag('help') && !command.hidden) checkArguments(command.args ?? [], positionals);
  return { args: positionals, given };
}

/** All that is wrong with a value is said before anything is asked for. */
function checkValue(name: string, { choices, integer, duration, time }: Option, value: string): void {
  if (choices && !choices.includes(value))
    throw new UsageError(`--${name} is one of ${choices.join(', ')}, not ${JSON.stringify(value)}.`);
  if (integer && !/^\d{1,9}$/.test(value))
    throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(value)}.`);
  if (duration) seconds(name, value);
  if (time) timeOf(name, value);
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
    const message = (error as Error).message.split('. To specify')[0]!;
    const unknown = /^Unknown option '(--[^']+)'/.exec(message)?.[1];
    const meant =
      unknown &&
      nearest(
        unknown,
        Object.keys(options).map((name) => `--${name}`),
      );
    throw new UsageError(meant ? `${message}. Did you mean ${meant}?` : message);
  }
}

function checkArguments(declared: readonly Argument[], values: readonly string[]): void {
  const needed = declared.filter(({ optional }) => !optional);
  if (values.length < needed.length) throw new UsageError(`${needed[values.length]!.name} is missing.`);
  if (!declared.some(({ many }) => many) && values.length > declared.length)
    throw new UsageError(`${JSON.stringify(values[declared.length])} is one argument too many.`);
  // What a script has in a variable that was never set means none, and not all.
  const empty = values.indexOf('');
  if (empty >= 0) throw new UsageError(`${(declared[empty] ?? declared.at(-1)!).name} is empty.`);
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

/** A hundred years: what comes later is no time of a calendar. */
const longestSeconds = 36_525 * 86_400;

/** Seconds in `90`, `90s`, `10m`, `2h`. Throws `UsageError`. */
export function seconds(option: string, text: string): number {
  const match = /^(\d+)(s|m|h|d)?$/.exec(text);
  if (!match) throw new UsageError(`--${option} takes a duration such as 90s, 10m or 2h, not ${JSON.stringify(text)}.`);
  const lasts = Number(match[1]) * { s: 1, m: 60, h: 3_600, d: 86_400 }[(match[2] ?? 's') as 's' | 'm' | 'h' | 'd'];
  if (lasts > longestSeconds) throw new UsageError(`--${option} takes at most 36525d, not ${text}.`);
  return lasts;
}

/**
 * The time in `2026-11-30T08:00:00Z`, in `2026-11-30 08:00` or `2026-11-30` of the clock here, or so long ago: `2h`. RFC 3339.
 * Throws `UsageError`.
 */
export function timeOf(option: string, text: string, now = Date.now()): string {
  const isAgo = /^\d+[smhd]$/.test(text);
  const isTime = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/i.test(text);
  // A date alone would be that of Greenwich.
  const ms = isAgo ? now - seconds(option, text) * 1_000 : Date.parse(text.length === 10 ? `${text}T00:00` : text);
  if ((isAgo || isTime) && !Number.isNaN(ms)) return new Date(ms).toISOString();
  throw new UsageError(
    `--${option} takes a time such as 2026-11-30T08:00:00Z, "2026-11-30 08:00" (local), or 2h (ago), not ${JSON.stringify(text)}.`,
  );
}

/** `key=value` pairs. Throws `UsageError`, also for a key that is there twice. */
export function pairs(option: string, texts: readonly string[]): Record<string, string> {
  const split = texts.map((text) => pairOf(option, text));
  const keys = split.map(([key]) => key);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new UsageError(`--${option} has ${JSON.stringify(twice)} twice.`);
  return Object.fromEntries(split);
}

/** Throws `UsageError`. */
export function pairOf(option: string, text: string): [key: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--${option} takes KEY=VALUE, not ${JSON.stringify(text)}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}
