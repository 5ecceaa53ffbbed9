import { execFile, execFileSync, spawn as spawnProcess, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { spawn as spawnInTerminal, type IPty } from '@lydell/node-pty';
import { oldestNode } from '../package/bundle.ts';
import { pack } from '../package/pack.ts';

/** Longer than the slowest machine takes. */
const patienceMs = 50_000;

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string>>;

export interface InPipes {
  readonly env?: Env;
  readonly input?: string;
  readonly cwd?: string;
  /** File that standard output is, in place of a pipe. */
  readonly to?: string;
  /** The Node that it runs on; that of the tests unless said. */
  readonly node?: Node;
}

export interface Node {
  readonly path: string;
  /** `20.20.2` */
  readonly version: string;
}

const pinned: Node = { path: process.execPath, version: process.versions.node };

/**
 * The Node that this machine has of its own, if the programs are for it: most often an older one than the pinned one, which runs the
 * tests. The pinned one where there is no other.
 */
export function ownNode(): Node {
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  const others = paths.filter((path) => existsSync(path) && !realpathSync(path).includes('node_modules'));
  const nodes = [...new Set(others)].map((path): Node => {
    const version = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim();
    return { path, version };
  });
  return nodes.find(({ version }) => Number.parseInt(version, 10) >= oldestNode) ?? pinned;
}

/** The programs as a user has them: packed, and installed by npm from the tarball. */
export class Programs {
  readonly folder = mkdtempSync(join(tmpdir(), 'polyvirt-cli-'));
  readonly #terminals: InTerminal[] = [];
  readonly #children = new Set<ChildProcess>();

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

  /** Of one of the programs, or of one that has a path of its own. */
  path(program: string): string {
    return resolve(this.folder, 'bin', program);
  }

  #env(env: Env, node = pinned): Record<string, string> {
    // No settings of whoever runs the tests.
    const PATH = [dirname(node.path), process.env['PATH']].join(delimiter);
    return { PATH, HOME: this.folder, XDG_CONFIG_HOME: join(this.folder, 'config'), TERM: 'xterm-256color', ...env };
  }

  /** Runs a program in pipes to its end. */
  run(program: string, args: readonly string[], options: InPipes = {}): Promise<Ended> {
    return this.begin(program, args, options).ended;
  }

  /** Starts a program in pipes. */
  begin(program: string, args: readonly string[], { env = {}, input = '', cwd = this.folder, to, node }: InPipes = {}) {
    const out = to === undefined ? 'pipe' : openSync(to, 'w');
    const child = spawnProcess(this.path(program), args, {
      ...{ cwd, env: this.#env(env, node) },
      stdio: ['pipe', out, 'pipe'],
    });
    if (out !== 'pipe') closeSync(out);
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    const text = { stdout: '', stderr: '' };
    const watchers = new Set<() => void>();
    const ended = new Promise<Ended>((resolve) =>
      child.once('close', (exitCode) => resolve({ exitCode: exitCode ?? -1, ...text })),
    );
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.on('data', (chunk) => {
        text[name] += String(chunk);
        for (const look of watchers) look();
      });
    child.stdin!.end(input);
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
    return this.#open(this.path(program), args, this.#env(env), cwd);
  }

  #open(file: string, args: readonly string[], env: Record<string, string>, cwd = this.folder): InTerminal {
    const terminal = new InTerminal(spawnInTerminal(file, [...args], { cols: 120, rows: 30, cwd, env }));
    this.#terminals.push(terminal);
    return terminal;
  }

  /** Starts a shell in a pseudo-terminal, in which the programs are commands. */
  shell(shell: string, args: readonly string[], env: Env = {}): InTerminal {
    const own = this.#env(env);
    const PATH = [join(this.folder, 'bin'), own['PATH']].join(delimiter);
    return this.#open(shell, args, { ...own, PATH });
  }

  [Symbol.dispose](): void {
    for (const terminal of this.#terminals) terminal.close();
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether this machine has a program of that name. */
export const isInstalled = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** A program in a pseudo-terminal: what it shows, and what is typed. */
export class InTerminal {
  readonly ended: Promise<number>;
  shown = '';
  #runs = true;
  readonly #watchers = new Set<() => void>();

  constructor(private readonly pty: IPty) {
    this.ended = new Promise((resolve) =>
      pty.onExit(({ exitCode }) => {
        this.#runs = false;
        resolve(exitCode);
      }),
    );
    pty.onData((text) => {
      this.shown += text;
      for (const look of this.#watchers) look();
    });
  }

  /** Without what moves the cursor or colours. */
  get plain(): string {
    // eslint-disable-next-line no-control-regex
    return this.shown.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r\n', '\n');
  }

  /** Ends the program, if it has not ended by itself. */
  close(): void {
    if (this.#runs) this.pty.kill('SIGKILL');
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
