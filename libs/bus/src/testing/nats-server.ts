import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccountKeeper } from '../authority/account-keeper.ts';
import { Authority } from '../authority/authority.ts';
import { renderAccounts } from '../authority/configuration.ts';
import type { BusService } from '../authorization.ts';
import type { Bus } from '../connection.ts';
import {
  connectAs,
  credentialsIn,
  issueAccounts,
  issueCredentials,
  type Broker,
  type ConnectOptions,
  type Credentials,
} from './broker.ts';
import { freePort } from './free-port.ts';
import { basicConfiguration, NatsProcess, writeConfiguration } from './nats-process.ts';

export interface NatsServerOptions {
  /** Who may use it, each in its account; without any, there are no accounts and everybody may do everything. */
  readonly services?: readonly BusService[];
  /** More lines of the configuration file. */
  readonly config?: string;
}

/**
 * A real nats-server with JetStream: one port and one store for its whole life, through kills and restarts. For tests that
 * do such things to it; others take a `BusAccount`.
 */
export class NatsServer implements Broker {
  /** With which the accounts are signed. */
  readonly signingSeed = Authority.newSeed();
  readonly realm = '';
  readonly authority = new Authority(this.signingSeed);
  readonly #operatorSeed = Authority.newSeed();
  #services: readonly BusService[];
  #credentials: Credentials = new Map();
  readonly #config: string;
  readonly #process: NatsProcess;

  private constructor(port: number, folder: string, { services = [], config = '' }: NatsServerOptions) {
    this.#process = new NatsProcess(folder, port);
    this.#services = services;
    this.#config = config;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-nats-'));
    const server = new NatsServer(await freePort(), folder, options);
    await server.start();
    return server;
  }

  get port(): number {
    return this.#process.port;
  }

  get folder(): string {
    return this.#process.folder;
  }

  get url(): string {
    return this.#process.url;
  }

  /** Starts it again after `kill` or `stop`, with what it has stored. */
  async start(): Promise<void> {
    await this.#configure();
    await this.#process.start();
  }

  /** Sends it a signal, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** SIGKILL: what it has not written is lost. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  stop(): Promise<void> {
    return this.#process.stop();
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

  /** Lets more in while it runs. */
  async add(services: readonly BusService[]): Promise<void> {
    this.#services = [...this.#services, ...services];
    const keeper = await this.keeper();
    try {
      for (const account of await issueAccounts(this.authority, services)) await keeper.push(account);
    } finally {
      await keeper.close();
    }
    this.#credentials = await issueCredentials(this.authority, this.#services);
  }

  /** With the right to change accounts. Close it at the end. */
  keeper(): Promise<AccountKeeper> {
    return AccountKeeper.connect(this.authority, { url: this.url, name: 'keeper of accounts' });
  }

  credentialsOf(service: string): string {
    return credentialsIn(this.#credentials, service);
  }

  /** Connects as one of the services it was started with; without a name, as nobody in particular. */
  connect(service?: string, options?: ConnectOptions): Promise<Bus> {
    return connectAs(
      this.url,
      service ?? 'test',
      service === undefined ? undefined : this.credentialsOf(service),
      options,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #configure(): Promise<void> {
    this.#credentials = await issueCredentials(this.authority, this.#services);
    await writeConfiguration(this.folder, [
      ...basicConfiguration(this.port, this.folder),
      this.#services.length > 0 ? await this.#accounts() : '',
      this.#config,
    ]);
  }

  async #accounts(): Promise<string> {
    return renderAccounts({
      operator: await this.authority.operator(this.#operatorSeed),
      system: await this.authority.system(),
      others: await issueAccounts(this.authority, this.#services),
      folder: this.folder,
    });
  }
}
