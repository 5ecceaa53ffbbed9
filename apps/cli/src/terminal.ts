import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Exit } from './declaration.ts';
import { exitCodes } from './exit-codes.ts';

/** The process around a command: its streams, and what the environment says. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Where settings of the user are kept. */
  readonly configFolder: string;
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
  /** Replaces the last status line; undefined clears it. Nothing where there is no terminal. */
  status(line: string | undefined): void;
  ask(question: string, options?: { hidden?: boolean; preset?: string }): Promise<string>;
}

export function processTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process;
  const isTerminal = stdout.isTTY === true;
  const draws = stderr.isTTY === true;
  let hasStatus = false;
  const clear = () => {
    if (hasStatus) stderr.write('\r\x1b[2K');
    hasStatus = false;
  };
  return {
    env,
    cwd: process.cwd(),
    configFolder:
      process.platform === 'win32'
        ? join(env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), 'polyvirt')
        : join(env['XDG_CONFIG_HOME'] || join(env['HOME'] ?? homedir(), '.config'), 'polyvirt'),
    isTerminal,
    isInteractive: stdin.isTTY === true && draws && !env['POLYVIRT_NO_INPUT'],
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
    status(line) {
      if (!draws) return;
      clear();
      if (line === undefined) return;
      stderr.write(line.slice(0, Math.max(20, (stderr.columns ?? 80) - 1)));
      hasStatus = true;
    },
    ask: (question, options = {}) => {
      clear();
      return ask(question, options);
    },
  };
}

/** The answer to a question on standard error. Throws `Exit` 130 at Ctrl-C and at the end of the input. */
function ask(question: string, { hidden = false, preset }: { hidden?: boolean; preset?: string }): Promise<string> {
  const { stdin, stderr } = process;
  // What is typed is not shown by giving the line editor nowhere to write to.
  const lines = createInterface({
    input: stdin,
    ...(hidden ? {} : { output: stderr }),
    terminal: true,
    historySize: 0,
  });
  // Not before the terminal has stopped to echo, or a quick answer would show.
  stderr.write(preset === undefined ? `${question} ` : `${question} [${preset}] `);
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
