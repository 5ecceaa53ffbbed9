import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';

export interface ServiceOptions {
  readonly name: string;
  /** JavaScript file to run. */
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

/** Ends the child when the process that runs the tests is killed. */
const orphanGuard = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'];
const stopWithinMs = 120_000;

/** One of our services as a process of its own; its output goes to a file through all its lives. */
export class ServiceProcess {
  readonly name: string;
  readonly #options: ServiceOptions;
  #child: ChildProcess | undefined;
  #startedAtMs = 0;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(options: ServiceOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  /** Rejects when the process that runs now has ended. */
  async death(): Promise<never> {
    await this.#ended;
    throw new Error(`${this.name} has ended`);
  }

  /** Exit code of the last life; null when a signal ended it, undefined while it runs. */
  get exitCode(): number | null | undefined {
    return this.isRunning ? undefined : (this.#child?.exitCode ?? null);
  }

  async start(): Promise<void> {
    if (this.isRunning) throw new Error(`${this.name} is running already`);
    const { entry, env, logFile } = this.#options;
    this.#startedAtMs = Date.now();
    const log = await open(logFile, 'a', 0o600);
    const command = [
      ...(existsSync(orphanGuard[0]!) ? orphanGuard : []),
      process.execPath,
      '--enable-source-maps',
      entry,
    ];
    this.#child = spawn(command[0]!, command.slice(1), { env, stdio: ['ignore', log.fd, log.fd, 'ipc'] });
    this.#ended = once(this.#child, 'exit');
    await once(this.#child, 'spawn');
    this.#child.channel?.unref();
    await log.close();
  }

  /** Sends the signal and resolves when the process has ended. Throws when it does not. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    child.kill(signal);
    const patience = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    await this.#ended;
    clearTimeout(patience);
    if (signal !== 'SIGKILL' && child.signalCode === 'SIGKILL')
      throw new Error(`${this.name} had not ended ${stopWithinMs / 1_000} s after ${signal}`);
  }

  /** Hands a message over and resolves with the next one that comes back. */
  async tell(message: object): Promise<unknown> {
    const child = this.#child;
    if (!child || !this.isRunning) throw new Error(`${this.name} does not run`);
    const answered = once(child, 'message');
    child.send(message);
    const [answer] = (await answered) as [unknown];
    return answer;
  }

  /** Another process of the same settings. */
  twin(name: string, logFile: string): ServiceProcess {
    return new ServiceProcess({ ...this.#options, name, logFile });
  }

  async logTail(lines: number): Promise<string> {
    const text = await readFile(this.#options.logFile, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-lines).join('\n');
  }
}
