import type { Client } from '@polyvirt/api-client';
import { commands } from './commands/index.ts';
import { version } from './commands/version.ts';
import { clientAt, findPlace } from './contexts.ts';
import { UsageError } from './declaration.ts';
import { exitCodes, failureOf } from './exit-codes.ts';
import { helpOf, overview } from './help.ts';
import { printable } from './output/table.ts';
import { findCommand, parseCommandLine } from './parse.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/** Runs one command line and resolves with the exit code. */
export async function run(words: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const where: { url?: string } = {};
  try {
    return await dispatch(words, terminal, where);
  } catch (error) {
    const { lines, exitCode } = failureOf(error, where.url);
    terminal.status(undefined);
    for (const line of lines.flatMap((text) => text.split('\n'))) terminal.tell(printable(line));
    if (error instanceof UsageError) {
      const found = findCommand(commands, words);
      terminal.tell(`See: polyvirt ${found ? `${found.command.name} ` : ''}--help`);
    }
    return exitCode;
  }
}

async function dispatch(words: readonly string[], terminal: Terminal, where: { url?: string }): Promise<number> {
  const first = words[0];
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    terminal.print(overview(commands, first === 'help' ? words.slice(1) : []));
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
  let client: Promise<Client> | undefined;
  const connect = async () => {
    const place = await findPlace(terminal, given);
    where.url = place.options.url;
    return clientAt(place, terminal, given);
  };
  const code = await command.run({ command, args, given, terminal, client: () => (client ??= connect()) });
  return code ?? exitCodes.ok.code;
}
