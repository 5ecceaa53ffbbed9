import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Fault } from '@polyvirt/hypervisor';
import { quietly, type PowerShell } from '@polyvirt/tools';

export interface FoundTest {
  readonly file: string;
  readonly name: string;
}

export interface EndedFile {
  readonly file: string;
  /** What failed outside its tests. */
  readonly errors: readonly string[];
  readonly tests: readonly { readonly name: string; readonly result: string; readonly message: string }[];
}

/** What a Pester test wants done to the stack. */
export interface Wish {
  readonly fail?: { readonly host: string; readonly faults: readonly Fault[] };
  readonly kill?: string;
  readonly launch?: string;
  readonly ready?: boolean;
}

const printedLines = 60;

/** One `pwsh` that runs the Pester tests of a folder, and tells of each file as soon as it has ended. */
export class PesterRun {
  readonly #ended = new Map<string, PromiseWithResolvers<EndedFile>>();
  readonly #printed: string[] = [];
  #found = Promise.withResolvers<readonly FoundTest[]>();
  #tests: readonly FoundTest[] = [];
  #grant: (wish: Wish) => Promise<void> = () => Promise.reject(new Error('there is no stack yet'));

  private constructor(
    private readonly child: ChildProcess,
    private readonly home: string,
  ) {
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => this.#take(line));
    child.once('exit', (code) => this.#fail(new Error(`pwsh ended with ${code}:\n${this.#printed.join('\n')}`)));
    child.once('error', (error) => this.#fail(error));
  }

  /** Resolves when Pester has found its tests. */
  static async start({ program, pester }: PowerShell, { folder }: { readonly folder: string }): Promise<PesterRun> {
    const home = await mkdtemp(join(tmpdir(), 'polyvirt-pwsh-'));
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('POLYVIRT_'));
    const child = spawn(
      program,
      ['-NoProfile', '-NonInteractive', '-File', join(folder, 'run.ps1'), '-Pester', pester],
      { cwd: home, env: { ...Object.fromEntries(inherited), ...quietly(home), HOME: home, NO_COLOR: '1' } },
    );
    const run = new PesterRun(child, home);
    try {
      run.#tests = await run.#found.promise;
    } catch (error) {
      await run.end();
      throw error;
    }
    return run;
  }

  get found(): readonly FoundTest[] {
    return this.#tests;
  }

  grantWishes(grant: (wish: Wish) => Promise<void>): void {
    this.#grant = grant;
  }

  /** Lets it begin, with what its tests find in `$Stack`. */
  go(stack: object): void {
    this.#answer(stack);
  }

  /** Resolves when all tests of a file have been run. */
  endOf(file: string): Promise<EndedFile> {
    return this.#fileOf(file).promise;
  }

  async end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise((resolve) => this.child.once('exit', resolve));
      this.child.kill('SIGKILL');
      await gone;
    }
    await rm(this.home, { recursive: true, force: true });
  }

  #take(line: string): void {
    const [, kind, text] = /^##(\w+) (.*)$/.exec(line) ?? [];
    if (kind === undefined || text === undefined) {
      this.#printed.push(line);
      if (this.#printed.length > printedLines) this.#printed.shift();
      return;
    }
    const value = JSON.parse(text) as unknown;
    if (kind === 'found') this.#found.resolve(value as FoundTest[]);
    else if (kind === 'ran') this.#fileOf((value as EndedFile).file).resolve(value as EndedFile);
    else
      this.#grant(value as Wish).then(
        () => this.#answer({}),
        (error: Error) => this.#answer({ error: error.message }),
      );
  }

  #fileOf(file: string): PromiseWithResolvers<EndedFile> {
    const known = this.#ended.get(file) ?? Promise.withResolvers<EndedFile>();
    // Whoever asks is told; a failure before anybody has asked ends nothing else.
    known.promise.catch(() => undefined);
    this.#ended.set(file, known);
    return known;
  }

  #answer(value: object): void {
    this.child.stdin!.write(`${JSON.stringify(value)}\n`);
  }

  #fail(error: Error): void {
    this.#found.reject(error);
    this.#found.promise.catch(() => undefined);
    for (const { file } of this.#tests) this.#fileOf(file).reject(error);
  }
}
