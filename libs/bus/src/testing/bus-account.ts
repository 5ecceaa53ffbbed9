import type { AccountKeeper } from '../authority/account-keeper.ts';
import type { Authority } from '../authority/authority.ts';
import type { BusService } from '../authorization.ts';
import type { Bus } from '../connection.ts';
import {
  connectAs,
  credentialsIn,
  issueCredentials,
  type Broker,
  type ConnectOptions,
  type Credentials,
} from './broker.ts';
import { eventually } from './eventually.ts';
import { WorkerServer, type Realm } from './worker-server.ts';

const admin: BusService = { service: 'admin' };

/**
 * Accounts of a test's own, empty at the beginning, on the nats-server of the Jest worker: as separate from other tests as a
 * server of its own, and there in a moment. Closing it fails when the test has left a connection.
 */
export class BusAccount implements Broker {
  private constructor(
    private readonly server: WorkerServer,
    private readonly taken: Realm,
    private readonly credentials: Credentials,
  ) {}

  /** With users for these services, and always one for the admin. */
  static async open(services: readonly BusService[] = []): Promise<BusAccount> {
    const server = await WorkerServer.find();
    const all = services.some(({ service }) => service === 'admin') ? services : [...services, admin];
    const realm = await server.take(all);
    return new BusAccount(server, realm, await issueCredentials(server.authorityOf(realm), all));
  }

  get url(): string {
    return this.server.url;
  }

  get signingSeed(): string {
    return this.server.signingSeed;
  }

  get realm(): string {
    return this.taken.name;
  }

  get authority(): Authority {
    return this.server.authorityOf(this.taken);
  }

  /** Close it at the end. */
  keeper(): Promise<AccountKeeper> {
    return this.server.keeperOf(this.taken);
  }

  credentialsOf(service: string): string {
    return credentialsIn(this.credentials, service);
  }

  connect(service = 'admin', options?: ConnectOptions): Promise<Bus> {
    return connectAs(this.url, service, this.credentialsOf(service), options);
  }

  async [Symbol.asyncDispose](withinMs?: number): Promise<void> {
    await this.#requireNobody(withinMs);
    const bus = await this.connect();
    for await (const { config } of bus.manager.streams.list()) await bus.manager.streams.delete(config.name);
    await bus.close();
    this.server.giveBack(this.taken);
  }

  /** Who is still connected would take part in the next test. */
  async #requireNobody(withinMs?: number): Promise<void> {
    const { authority } = this;
    const hosts = this.taken.services.flatMap((service) => (service.service === 'agent' ? [service.host] : []));
    const accounts = [authority.coreAccount, ...hosts.map((host) => authority.hostAccount(host))];
    const keeper = await this.keeper();
    try {
      await eventually(async () => {
        const names = (await Promise.all(accounts.map((account) => keeper.connectionsOf(account)))).flat();
        if (names.length > 0) throw new Error(`the test has not closed its connections: ${names.join(', ')}`);
      }, withinMs);
    } finally {
      await keeper.close();
    }
  }
}
