import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authorizationFor, renderAuthorization, type BusService } from '../authorization.ts';
import type { Bus } from '../connection.ts';
import { connectAs, loginOf, type Broker, type ConnectOptions, type Login } from './broker.ts';
import { freePort } from './free-port.ts';
import { basicConfiguration, startNats, writeConfiguration } from './nats-process.ts';

export interface NatsServerOptions {
  /** Users and their rights; without any, everybody may do everything. */
  readonly services?: readonly BusService[];
  /** More lines of the configuration file. */
  readonly config?: string;
}

/**
 * A real nats-server with JetStream: one port and one store for its whole life, through kills and restarts. For tests that
 * do such things to it; others take a `BusAccount`.
 */
export class NatsServer implements Broker {
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
    await this.#configure();
    this.#process = await startNats(this.folder, this.port);
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
    await this.#configure();
    this.#process?.kill('SIGHUP');
  }

  userOf(service: string): string {
    return this.#login(service).user;
  }

  /** Connects as one of the services it was started with; without a name, as nobody in particular. */
  connect(service?: string, options?: ConnectOptions): Promise<Bus> {
    return connectAs(this.url, service === undefined ? undefined : this.#login(service), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  #login(service: string): Login {
    const users = authorizationFor(this.#services);
    return loginOf(
      users.map(({ user, password }) => ({ service: user, user, password })),
      service,
    );
  }

  #configure(): Promise<void> {
    return writeConfiguration(this.folder, [
      ...basicConfiguration(this.port, this.folder),
      this.#services.length > 0 ? renderAuthorization(authorizationFor(this.#services)) : '',
      this.#config,
    ]);
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
