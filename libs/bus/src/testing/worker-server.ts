import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AccountKeeper } from '../authority/account-keeper.ts';
import { Authority } from '../authority/authority.ts';
import { renderAccounts } from '../authority/configuration.ts';
import type { BusService } from '../authorization.ts';
import { connectAs, issueAccounts } from './broker.ts';
import { freePort } from './free-port.ts';
import { basicConfiguration, startNats, writeConfiguration } from './nats-process.ts';

/** An installation on the server, with accounts of its own, and whether a test has it now. */
export interface Realm {
  readonly name: string;
  readonly services: readonly BusService[];
  isTaken: boolean;
}

/** A file, as what a test file keeps in memory the next file of the worker does not see. */
interface State {
  readonly pid: number;
  readonly port: number;
  readonly signingSeed: string;
  readonly realms: Realm[];
}

/**
 * The nats-server that all test files of one Jest worker share. The first one that needs it starts it; the teardown of the
 * run ends it (`brokers.teardown.ts`).
 */
export class WorkerServer {
  static #found: Promise<WorkerServer> | undefined;

  private constructor(
    private readonly folder: string,
    private readonly state: State,
  ) {}

  /** Only one test file of a worker runs at a time, so that nobody else starts one meanwhile. */
  static find(): Promise<WorkerServer> {
    return (WorkerServer.#found ??= WorkerServer.#findOrStart());
  }

  static async #findOrStart(): Promise<WorkerServer> {
    const { POLYVIRT_TEST_BROKERS: all, JEST_WORKER_ID: worker } = process.env;
    if (!all || !worker) throw new Error('Jest has to run with brokers.setup.ts as its globalSetup');
    const folder = join(all, worker);
    const file = stateFile(folder);
    if (existsSync(file)) return new WorkerServer(folder, JSON.parse(readFileSync(file, 'utf8')) as State);
    mkdirSync(folder);
    const [port, signingSeed] = [await freePort(), Authority.newSeed()];
    await writeConfiguration(folder, [
      ...basicConfiguration(port, folder),
      await accountsOf(folder, new Authority(signingSeed)),
    ]);
    const child = await startNats(folder, port);
    child.unref();
    const server = new WorkerServer(folder, { pid: child.pid!, port, signingSeed, realms: [] });
    server.#save();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.state.port}`;
  }

  get signingSeed(): string {
    return this.state.signingSeed;
  }

  authorityOf({ name }: Realm): Authority {
    return new Authority(this.state.signingSeed, name);
  }

  /** With the right to change the accounts of a realm. */
  keeperOf(realm: Realm): Promise<AccountKeeper> {
    return AccountKeeper.connect(this.authorityOf(realm), { url: this.url, name: 'keeper of accounts' });
  }

  /** A realm with these services that nobody has: one that was given back, or a new one. */
  async take(services: readonly BusService[]): Promise<Realm> {
    const wanted = JSON.stringify(services);
    const { realms } = this.state;
    const free = realms.find((realm) => !realm.isTaken && JSON.stringify(realm.services) === wanted);
    const realm = free ?? { name: `t${realms.length + 1}`, services, isTaken: true };
    realm.isTaken = true;
    if (!free) realms.push(realm);
    this.#save();
    if (!free) await this.#push(realm);
    return realm;
  }

  async #push(realm: Realm): Promise<void> {
    const keeper = await this.keeperOf(realm);
    try {
      for (const account of await issueAccounts(keeper.authority, realm.services)) await keeper.push(account);
      // See `systemClaims`: CORE is to be loaded before several clients come at once.
      const credentials = await keeper.authority.credentials({ service: 'admin' });
      await (await connectAs(this.url, 'first', credentials)).close();
    } finally {
      await keeper.close();
    }
  }

  /** To be called when nothing is left in it. */
  giveBack(realm: Realm): void {
    realm.isTaken = false;
    this.#save();
  }

  #save(): void {
    writeFileSync(stateFile(this.folder), JSON.stringify(this.state), { mode: 0o600 });
  }
}

const stateFile = (folder: string) => join(folder, 'state.json');

const accountsOf = async (folder: string, authority: Authority): Promise<string> =>
  renderAccounts({
    operator: await authority.operator(Authority.newSeed()),
    system: await authority.system(),
    others: [],
    folder,
  });
