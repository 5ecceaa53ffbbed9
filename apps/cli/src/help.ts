import { UsageError, type Argument, type Command, type Options } from './declaration.ts';
import { exitCodes } from './exit-codes.ts';
import { commonOptions, ownOptionsOf } from './parse.ts';

const spell = ({ name, many, optional }: Argument) => {
  const text = many ? `${name}...` : name;
  return optional ? `[${text}]` : text;
};

export const usageOf = ({ name, args = [] }: Command): string =>
  ['polyvirt', name, ...args.map(spell), '[options]'].join(' ');

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
};

export const optionLine = (name: string, { short, value }: Options[string]): string =>
  `${short ? `-${short}, ` : ''}--${name}${value === undefined ? '' : ` ${value}`}`;

const optionRows = (options: Options) =>
  Object.entries(options).map(([name, option]): [string, string] => [
    optionLine(name, option),
    option.choices ? `${option.help} One of ${option.choices.join(', ')}.` : option.help,
  ]);

export function helpOf(command: Command): string {
  const { args = [], examples = [] } = command;
  return [
    command.summary,
    `Usage: ${usageOf(command)}`,
    ...(args.length > 0 ? [columns(args.map((arg): [string, string] => [spell(arg), arg.help]))] : []),
    `Options:\n${columns([...optionRows(ownOptionsOf(command)), ...optionRows(commonOptions)])}`,
    ...(examples.length > 0 ? [`Examples:\n${examples.map((line) => `  ${line}`).join('\n')}`] : []),
  ].join('\n\n');
}

/** Everything, or the commands that begin with these words. */
export function overview(commands: readonly Command[], words: readonly string[] = []): string {
  const begin = words.map((word) => `${word} `).join('');
  const shown = commands.filter(({ name, hidden }) => !hidden && `${name} `.startsWith(begin));
  if (shown.length === 0) {
    throw new UsageError(`There is no command ${JSON.stringify(words.join(' '))}. \`polyvirt --help\` lists them.`);
  }
  const codes = Object.values(exitCodes).map(({ code, means }): [string, string] => [String(code), means]);
  return [
    'polyvirt: virtual machines on KVM, VMware Workstation and Nutanix AHV.',
    'Usage: polyvirt NOUN VERB [NAME...] [options]',
    columns(shown.map(({ name, summary }): [string, string] => [name, summary])),
    ...(words.length === 0 ? [`Exit codes:\n${columns(codes)}`] : []),
    '`polyvirt COMMAND --help` says more of each.',
  ].join('\n\n');
}
