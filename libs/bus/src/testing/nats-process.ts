import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startWithinMs = 20_000;

/** The beginning of every configuration file. */
export const basicConfiguration = (port: number, folder: string): string[] => [
  `listen: "127.0.0.1:${port}"`,
  // By default it would be three quarters of what is free at the start, however little that is.
  `jetstream { store_dir: ${JSON.stringify(join(folder, 'store'))}, max_file_store: 1TB }`,
];

export const logFileOf = (folder: string) => join(folder, 'nats-server.log');

const configurationFile = (folder: string) => join(folder, 'nats-server.conf');

/** Passwords are in it. */
export const writeConfiguration = (folder: string, lines: readonly string[]): Promise<void> =>
  writeFile(configurationFile(folder), [...lines, ''].join('\n'), { mode: 0o600 });

/** A nats-server in a folder, with one port for its whole life, through kills and restarts. */
export class NatsProcess {
  readonly folder: string;
  readonly port: number;
  #process: ChildProcess | undefined;

  constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it by the configuration in its folder, with what it has stored; resolves when it takes clients. */
  async start(): Promise<void> {
    this.#process = await startNats(this.folder, this.port);
  }

  /** Sends it a signal, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** SIGKILL: what it has not written is lost. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, 'exit');
    process.kill(signal);
    await ended;
  }
}

/** Starts a nats-server by the configuration in a folder; resolves when it takes clients. */
export async function startNats(folder: string, port: number): Promise<ChildProcess> {
  const logFile = logFileOf(folder);
  const args = ['--config', configurationFile(folder), '--log', logFile];
  const process = spawn('nats-server', args, { stdio: 'ignore' });
  await once(process, 'spawn');
  const deadline = Date.now() + startWithinMs;
  while (!(await greets(port))) {
    if (process.exitCode !== null || Date.now() > deadline) {
      process.kill('SIGKILL');
      throw new Error(`nats-server did not start:\n${await readFile(logFile, 'utf8').catch(() => '')}`);
    }
    await sleep(5);
  }
  return process;
}

/** A nats-server speaks first. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
