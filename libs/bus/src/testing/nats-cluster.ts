import { mkdtemp, mkdir, rm } from 'node:fs/promises';
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

interface Member {
  readonly name: string;
  readonly routePort: number;
  readonly process: NatsProcess;
}

/** Real nats-servers that are one: three of them, with the accounts of the services given, each with its port and store. */
export class NatsCluster implements Broker {
  readonly signingSeed = Authority.newSeed();
  readonly realm = '';
  readonly authority = new Authority(this.signingSeed);
  readonly #operatorSeed = Authority.newSeed();
  readonly #folder: string;
  readonly #members: readonly Member[];
  readonly #services: readonly BusService[];
  #credentials: Credentials = new Map();

  private constructor(folder: string, members: readonly Member[], services: readonly BusService[]) {
    this.#folder = folder;
    this.#members = members;
    this.#services = services;
  }

  static async start(services: readonly BusService[], size = 3): Promise<NatsCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-cluster-'));
    const ports = new Set<number>();
    while (ports.size < 2 * size) ports.add(await freePort());
    const [...free] = ports;
    const members = Array.from({ length: size }, (_, at) => ({
      name: `n${at + 1}`,
      routePort: free[2 * at + 1]!,
      process: new NatsProcess(join(folder, `n${at + 1}`), free[2 * at]!),
    }));
    const cluster = new NatsCluster(folder, members, services);
    await cluster.#configure();
    await Promise.all(members.map(({ process }) => process.start()));
    return cluster;
  }

  /** Of all members, separated by commas. */
  get url(): string {
    return this.members.map(({ url }) => url).join(',');
  }

  get members(): readonly NatsProcess[] {
    return this.#members.map(({ process }) => process);
  }

  /** With the right to change accounts. Close it at the end. */
  keeper(url = this.url): Promise<AccountKeeper> {
    return AccountKeeper.connect(this.authority, { url, name: 'keeper of accounts' });
  }

  credentialsOf(service: string): string {
    return credentialsIn(this.#credentials, service);
  }

  connect(service: string, { url = this.url, ...options }: ConnectOptions & { url?: string } = {}): Promise<Bus> {
    return connectAs(url, service, this.credentialsOf(service), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #configure(): Promise<void> {
    this.#credentials = await issueCredentials(this.authority, this.#services);
    const accounts = {
      operator: await this.authority.operator(this.#operatorSeed),
      system: await this.authority.system(),
      others: await issueAccounts(this.authority, this.#services),
    };
    for (const { name, routePort, process } of this.#members) {
      const { folder, port } = process;
      await mkdir(folder);
      await writeConfiguration(folder, [
        `server_name: ${name}`,
        ...basicConfiguration(port, folder),
        'cluster {',
        '  name: polyvirt',
        `  listen: "127.0.0.1:${routePort}"`,
        `  routes: [${this.#members.map((member) => `"nats-route://127.0.0.1:${member.routePort}"`).join(', ')}]`,
        '}',
        renderAccounts({ ...accounts, folder }),
      ]);
    }
  }
}
