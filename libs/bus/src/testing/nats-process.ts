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
