import { execFile, spawn as spawnProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { spawn as spawnInTerminal, type IPty } from '@lydell/node-pty';
import { pack } from '../package/pack.ts';

/** Longer than the slowest machine takes. */
const patienceMs = 25_000;

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string>>;

/** The programs as a user has them: packed, and installed by npm from the tarball. */
export class Programs {
  readonly folder = mkdtempSync(join(tmpdir(), 'polyvirt-cli-'));

  static async install(): Promise<Programs> {
    const programs = new Programs();
    const args = [
      'i',
      '-g',
      '--prefix',
      programs.folder,
      '--offline',
      '--no-audit',
      '--no-fund',
      pack(programs.folder),
    ];
    await promisify(execFile)('npm', args, { cwd: programs.folder, env: programs.#env({}) });
    return programs;
  }

  path(program: string): string {
    return join(this.folder, 'bin', program);
  }

  #env(env: Env): Record<string, string> {
    // The Node that runs the tests, and no settings of whoever runs them.
    const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter);
    return { PATH, HOME: this.folder, XDG_CONFIG_HOME: join(this.folder, 'config'), TERM: 'xterm-256color', ...env };
  }

  /** Runs a program in pipes to its end. */
  run(
    program: string,
    args: readonly string[],
    { env = {}, input = '', cwd = this.folder }: { env?: Env; input?: string; cwd?: string } = {},
  ): Promise<Ended> {
    return this.begin(program, args, { env, input, cwd }).ended;
  }

  /** Starts a program in pipes. */
  begin(
    program: string,
    args: readonly string[],
    { env = {}, input = '', cwd = this.folder }: { env?: Env; input?: string; cwd?: string } = {},
  ) {
    const child = spawnProcess(this.path(program), args, { cwd, env: this.#env(env), timeout: patienceMs });
    const text = { stdout: '', stderr: '' };
    const watchers = new Set<() => void>();
    const ended = new Promise<Ended>((resolve) =>
      child.once('close', (exitCode) => resolve({ exitCode: exitCode ?? -1, ...text })),
    );
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk) => {
        text[name] += String(chunk);
        for (const look of watchers) look();
      });
    child.stdin.end(input);
    /** Resolves when the pattern has been written; rejects when the program ends without it. */
    const until = (pattern: RegExp) =>
      seen(
        pattern,
        () => text.stdout + text.stderr,
        watchers,
        ended.then(() => undefined),
      );
    return { ended, until, shown: () => text.stdout, interrupt: () => child.kill('SIGINT') };
  }

  /** Starts a program in a pseudo-terminal. */
  terminal(program: string, args: readonly string[], env: Env = {}, cwd = this.folder): InTerminal {
    return new InTerminal(
      spawnInTerminal(this.path(program), [...args], { cols: 120, rows: 30, cwd, env: this.#env(env) }),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A program in a pseudo-terminal: what it shows, and what is typed. */
export class InTerminal {
  readonly ended: Promise<number>;
  shown = '';
  readonly #watchers = new Set<() => void>();

  constructor(private readonly pty: IPty) {
    this.ended = new Promise((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
    pty.onData((text) => {
      this.shown += text;
      for (const look of this.#watchers) look();
    });
  }

  type(text: string): void {
    this.pty.write(text);
  }

  until(pattern: RegExp): Promise<void> {
    return seen(
      pattern,
      () => this.shown,
      this.#watchers,
      this.ended.then(() => undefined),
    );
  }

  /** Waits for each question and types the answer. */
  async answer(...dialogue: readonly (readonly [RegExp, string])[]): Promise<void> {
    for (const [question, answer] of dialogue) {
      await this.until(question);
      this.type(`${answer}\r`);
    }
  }
}

function seen(pattern: RegExp, text: () => string, watchers: Set<() => void>, ended: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      watchers.delete(look);
      clearTimeout(timer);
      outcome();
    };
    const look = () => {
      if (pattern.test(text())) settle(resolve);
    };
    const fail = (why: string) => settle(() => reject(new Error(`${why} before ${String(pattern)}:\n${text()}`)));
    const timer = setTimeout(() => fail(`${patienceMs} ms went by`), patienceMs);
    watchers.add(look);
    look();
    void ended.then(() => {
      look();
      if (watchers.has(look)) fail('the program ended');
    });
  });
}
