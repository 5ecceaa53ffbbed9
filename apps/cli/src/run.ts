import { ApiProblem } from '@polyvirt/api-client';
import { commands } from './commands/index.ts';
import { clientAt, findPlace, wayIn, type Place } from './contexts.ts';
import { UsageError } from './declaration.ts';
import { exitCodes, failureOf } from './exit-codes.ts';
import { helpOf, overview } from './help.ts';
import { printable } from './output/table.ts';
import { findCommand, parseCommandLine } from './parse.ts';
import { isAsPerson, logIn } from './person.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { version } from './version.ts';

/** Where the command went, once that is known. */
interface Where {
  place?: Place;
}

/** Runs one command line and resolves with the exit code. */
export async function run(words: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const where: Where = {};
  try {
    return await dispatch(words, terminal, where);
  } catch (error) {
    const { lines, exitCode } = failureOf(error, where.place?.options.url);
    terminal.status(undefined);
    for (const line of lines.flatMap((text) => text.split('\n'))) terminal.tell(printable(line));
    if (where.place && error instanceof ApiProblem && error.problem.code === 'unauthenticated')
      terminal.tell(wayIn(where.place));
    if (error instanceof UsageError) {
      const found = findCommand(commands, words);
      terminal.tell(`See: polyvirt ${found ? `${found.command.name} ` : ''}--help`);
    }
    return exitCode;
  }
}

async function dispatch(words: readonly string[], terminal: Terminal, where: Where): Promise<number> {
  const first = words[0];
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const about = first === 'help' ? words.slice(1).filter((word) => !word.startsWith('-')) : [];
    const named = findCommand(commands, about)?.command;
    terminal.print(named ? helpOf(named) : overview(commands, about));
    return exitCodes.ok.code;
  }
  if (first === '--version' || first === '-V') {
    terminal.print(version);
    return exitCodes.ok.code;
  }
  if (first.startsWith('-')) throw new UsageError('The command comes first, its options behind it.');
  const found = findCommand(commands, words);
  if (!found) {
    const nouns = words.filter((word) => !word.startsWith('-'));
    const shown = overview(commands, nouns);
    if (nouns.length < words.length) terminal.print(shown);
    else terminal.tell(shown);
    return nouns.length < words.length ? exitCodes.ok.code : exitCodes.usage.code;
  }
  const { command, rest } = found;
  const { args, given } = parseCommandLine(command, rest);
  if (given.flag('help')) {
    terminal.print(helpOf(command));
    return exitCodes.ok.code;
  }
  const find = once(async () => (where.place = await findPlace(terminal, given)));
  const person = once(async () => logIn({ given, terminal }, await find()));
  const connect = once(async () => clientAt(await find(), terminal, given));
  const invocation = {
    ...{ command, args, given, terminal },
    client: isAsPerson(command, given) ? async () => (await person()).client : connect,
    password: async () => (await person()).password,
  };
  try {
    return (await command.run(invocation)) ?? exitCodes.ok.code;
  } finally {
    // A session that has ended meanwhile, with its user for example, is no failure of the command.
    await person.begun?.then(({ client }) => client.logOut()).catch(() => undefined);
  }
}

/** Does it when it is first asked for. */
function once<Result>(act: () => Promise<Result>): { (): Promise<Result>; begun?: Promise<Result> } {
  const lazy: { (): Promise<Result>; begun?: Promise<Result> } = () => (lazy.begun ??= act());
  return lazy;
}
