import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Exit } from './declaration.ts';
import { exitCodes } from './exit-codes.ts';
import { clip } from './output/table.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The process around a command: its streams, and what the environment says. */
export interface Terminal {
  readonly env: Env;
  /** Undefined when that folder is gone. */
  readonly cwd: string | undefined;
  /** Where settings of the user are kept; undefined for whoever has no home. */
  readonly configFolder: string | undefined;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  readonly colour: boolean;
  readonly columns: number;
  readonly rows: number;
  /** A line for programs and people. */
  print(line: string): void;
  /** A line about how it goes. */
  tell(line: string): void;
  /** Raw, to standard output. */
  write(text: string): void;
  /** Calls back whenever the terminal gets another size; answers how to end that. */
  onResize(listener: () => void): () => void;
  /** Replaces the last status line; undefined clears it. Nothing where there is no terminal. */
  status(line: string | undefined): void;
  ask(question: string, options?: { hidden?: boolean; preset?: string }): Promise<string>;
}

export function processTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process;
  const isTerminal = stdout.isTTY === true;
  const isWatched = stderr.isTTY === true;
  const draws = isWatched && env['TERM'] !== 'dumb';
  let hasStatus = false;
  const clear = () => {
    if (hasStatus) stderr.write('\r\x1b[2K');
    hasStatus = false;
  };
  return {
    env,
    cwd: unlessNone(() => process.cwd()),
    configFolder: configFolderOf(env, process.platform),
    isTerminal,
    isInteractive: stdin.isTTY === true && isWatched && !env['POLYVIRT_NO_INPUT'],
    colour: isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    get columns() {
      return stdout.columns ?? 80;
    },
    get rows() {
      return stdout.rows ?? 24;
    },
    print(line) {
      clear();
      stdout.write(`${line}\n`);
    },
    tell(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    write: (text) => void stdout.write(text),
    onResize(listener) {
      stdout.on('resize', listener);
      return () => void stdout.off('resize', listener);
    },
    status(line) {
      if (!draws) return;
      clear();
      if (line === undefined) return;
      stderr.write(clip(line, Math.max(20, (stderr.columns ?? 80) - 1)));
      hasStatus = true;
    },
    ask: (question, options = {}) => {
      clear();
      return ask(question, options);
    },
  };
}

/** What the system answers; undefined where it knows none: no home of a user without an entry, no folder that was deleted. */
function unlessNone(ask: () => string): string | undefined {
  try {
    return ask() || undefined;
  } catch {
    return undefined;
  }
}

/** Where settings of the user are kept. A path that is empty or relative is none, as it would lead somewhere else each time. */
export function configFolderOf(env: Env, platform: NodeJS.Platform, home = () => homedir()): string | undefined {
  const [own, ...below] = platform === 'win32' ? ['APPDATA', 'AppData', 'Roaming'] : ['XDG_CONFIG_HOME', '.config'];
  const base = env[own!];
  if (base !== undefined && isAbsolute(base)) return join(base, 'polyvirt');
  const folder = env['HOME'] || unlessNone(home);
  return folder !== undefined && isAbsolute(folder) ? join(folder, ...below, 'polyvirt') : undefined;
}

/** The answer to a question on standard error. Throws `Exit` 130 at Ctrl-C and at the end of the input. */
function ask(question: string, { hidden = false, preset }: { hidden?: boolean; preset?: string }): Promise<string> {
  const { stdin, stderr } = process;
  const prompt = preset === undefined ? `${question} ` : `${question} [${preset}] `;
  // What is typed is not shown by giving the line editor nowhere to write to. Else the question is its own: it writes it again
  // whenever what is typed is edited.
  const lines = createInterface({
    input: stdin,
    ...(hidden ? {} : { output: stderr, prompt }),
    terminal: true,
    historySize: 0,
  });
  // Not before the terminal has stopped to echo, or a quick answer would show.
  if (hidden) stderr.write(prompt);
  else lines.prompt();
  return new Promise((resolve, reject) => {
    let answered = false;
    lines.once('line', (line) => {
      answered = true;
      lines.close();
      if (hidden) stderr.write('\n');
      resolve(line === '' && preset !== undefined ? preset : line);
    });
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      if (answered) return;
      stderr.write('\n');
      reject(new Exit(exitCodes.interrupted.code, 'Nothing was done.'));
    });
  });
}
