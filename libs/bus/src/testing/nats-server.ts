import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { authorizationFor, renderAuthorization, type BusService } from '../authorization.ts';
import { connectBus, type Bus, type BusTls } from '../connection.ts';
import { freePort } from './free-port.ts';

export interface NatsServerOptions {
  /** Users and their rights; without any, everybody may do everything. */
  readonly services?: readonly BusService[];
  /** More lines of the configuration file. */
  readonly config?: string;
}

const startWithinMs = 10_000;

/** A real nats-server with JetStream: one port and one store for its whole life, through kills and restarts. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  #services: readonly BusService[];
  readonly #config: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, { services = [], config = '' }: NatsServerOptions) {
    this.port = port;
    this.folder = folder;
    this.#services = services;
    this.#config = config;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-nats-'));
    const server = new NatsServer(await freePort(), folder, options);
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it again after `kill` or `stop`, with what it has stored. */
  async start(): Promise<void> {
    const configFile = join(this.folder, 'nats-server.conf');
    await writeFile(configFile, this.#configuration(), { mode: 0o600 });
    const logFile = join(this.folder, 'nats-server.log');
    const process = spawn('nats-server', ['--config', configFile, '--log', logFile], { stdio: 'ignore' });
    this.#process = process;
    await once(process, 'spawn');
    const deadline = Date.now() + startWithinMs;
    while (!(await this.#listens())) {
      if (process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`nats-server did not start:\n${await readFile(logFile, 'utf8').catch(() => '')}`);
      }
      await sleep(10);
    }
  }

  /** SIGKILL: what it has not written is lost. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Kills it and starts it with the same port and store. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Forgets everything it has stored; only while it does not run. */
  async wipe(): Promise<void> {
    await rm(join(this.folder, 'store'), { recursive: true, force: true });
  }

  /** Replaces the users of a running server, as `polyvirt host add` does. */
  async reload(services: readonly BusService[]): Promise<void> {
    this.#services = services;
    await writeFile(join(this.folder, 'nats-server.conf'), this.#configuration(), { mode: 0o600 });
    this.#process?.kill('SIGHUP');
  }

  /** Connects as one of the services it was started with; without a name, as nobody in particular. */
  connect(user?: string, { tls, signal }: { tls?: BusTls; signal?: AbortSignal } = {}): Promise<Bus> {
    const known = authorizationFor(this.#services).find((candidate) => candidate.user === user);
    if (user !== undefined && !known) throw new RangeError(`no user ${user}`);
    return connectBus({ url: this.url, user, password: known?.password, name: user ?? 'test', tls, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  #configuration(): string {
    return [
      `listen: "127.0.0.1:${this.port}"`,
      `jetstream { store_dir: ${JSON.stringify(join(this.folder, 'store'))} }`,
      this.#services.length > 0 ? renderAuthorization(authorizationFor(this.#services)) : '',
      this.#config,
      '',
    ].join('\n');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, 'exit');
    process.kill(signal);
    await ended;
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('data', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
  }
}
