import type { BusService } from '../authorization.ts';
import type { Bus } from '../connection.ts';
import { connectAs, loginOf, type Broker, type ConnectOptions } from './broker.ts';
import { eventually } from './eventually.ts';
import { systemUser, usersOf, WorkerServer, type Account } from './worker-server.ts';

const admin: BusService = { service: 'admin', password: 'password of the admin of a test' };

/**
 * An account of a test's own, empty at the beginning, on the nats-server of the Jest worker: as separate from other tests as
 * a server of its own, and there in a moment. Closing it fails when the test has left a connection.
 */
export class BusAccount implements Broker {
  private constructor(
    private readonly server: WorkerServer,
    private readonly account: Account,
  ) {}

  /** With users for these services, and always one for the admin. */
  static async open(services: readonly BusService[] = []): Promise<BusAccount> {
    const server = await WorkerServer.find();
    const all = services.some(({ service }) => service === 'admin') ? services : [...services, admin];
    return new BusAccount(server, await server.take(all));
  }

  get url(): string {
    return this.server.url;
  }

  userOf(service: string): string {
    return loginOf(usersOf(this.account), service).user;
  }

  connect(service = 'admin', options?: ConnectOptions): Promise<Bus> {
    return connectAs(this.url, loginOf(usersOf(this.account), service), options);
  }

  async [Symbol.asyncDispose](withinMs?: number): Promise<void> {
    await this.#requireNobody(withinMs);
    const bus = await this.connect();
    for await (const { config } of bus.manager.streams.list()) await bus.manager.streams.delete(config.name);
    await bus.close();
    this.server.giveBack(this.account);
  }

  /** Who is still connected would take part in the next test. */
  async #requireNobody(withinMs?: number): Promise<void> {
    const password = this.server.systemPassword;
    const bus = await connectAs(this.url, { service: systemUser, user: systemUser, password });
    try {
      await eventually(async () => {
        const answer = await bus.connection.request(`$SYS.REQ.ACCOUNT.${this.account.name}.CONNZ`, '{}');
        const { connections } = answer.json<{ data: { connections: { name: string }[] } }>().data;
        if (connections.length > 0)
          throw new Error(`the test has not closed its connections: ${connections.map(({ name }) => name).join(', ')}`);
      }, withinMs);
    } finally {
      await bus.close();
    }
  }
}
