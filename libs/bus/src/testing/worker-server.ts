import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authorizationFor, renderUsers, type BusService } from '../authorization.ts';
import { freePort } from './free-port.ts';
import { eventually } from './eventually.ts';
import { basicConfiguration, logFileOf, startNats, writeConfiguration } from './nats-process.ts';

/** An account of the server, and whether a test has it now. */
export interface Account {
  readonly name: string;
  readonly services: readonly BusService[];
  isTaken: boolean;
}

/** A file, as what a test file keeps in memory the next file of the worker does not see. */
interface State {
  readonly pid: number;
  readonly port: number;
  readonly systemPassword: string;
  readonly accounts: Account[];
}

/** The user who may look at every account. */
export const systemUser = 'system';

/** `gateway` of `t3` logs in as `t3-gateway`: a server has no two users of one name, whatever their accounts. */
export const usersOf = ({ name, services }: Account) =>
  authorizationFor(services, `${name}-`).map((user) => ({ ...user, service: user.user.slice(name.length + 1) }));

/**
 * The nats-server that all test files of one Jest worker share. The first one that needs it starts it; the teardown of the
 * run ends it (`brokers.teardown.ts`).
 */
export class WorkerServer {
  static #found: Promise<WorkerServer> | undefined;
  /** One reload after another: signals that wait together are one. */
  #reloading: Promise<void> = Promise.resolve();

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
    const [port, systemPassword] = [await freePort(), randomBytes(16).toString('hex')];
    await writeConfiguration(folder, configuration(folder, { port, systemPassword, accounts: [] }));
    const child = await startNats(folder, port);
    child.unref();
    const server = new WorkerServer(folder, { pid: child.pid!, port, systemPassword, accounts: [] });
    server.#save();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.state.port}`;
  }

  get systemPassword(): string {
    return this.state.systemPassword;
  }

  /** An account with these services that nobody has: one that was given back, or a new one. */
  async take(services: readonly BusService[]): Promise<Account> {
    const wanted = JSON.stringify(services);
    const { accounts } = this.state;
    const free = accounts.find((account) => !account.isTaken && JSON.stringify(account.services) === wanted);
    const account = free ?? { name: `t${accounts.length + 1}`, services, isTaken: true };
    account.isTaken = true;
    if (!free) accounts.push(account);
    this.#save();
    if (!free) await (this.#reloading = this.#reloading.then(() => this.#reload()));
    return account;
  }

  /** Until it is done, the server may close connections that use what is new. */
  async #reload(): Promise<void> {
    const done = await this.#reloads();
    await writeConfiguration(this.folder, configuration(this.folder, this.state));
    process.kill(this.state.pid, 'SIGHUP');
    await eventually(async () => {
      if ((await this.#reloads()) === done) throw new Error('nats-server has not read its configuration again');
    });
  }

  async #reloads(): Promise<number> {
    return (await readFile(logFileOf(this.folder), 'utf8')).split('Reloaded server configuration').length - 1;
  }

  /** To be called when nothing is left in it. */
  giveBack(account: Account): void {
    account.isTaken = false;
    this.#save();
  }

  #save(): void {
    writeFileSync(stateFile(this.folder), JSON.stringify(this.state), { mode: 0o600 });
  }
}

const stateFile = (folder: string) => join(folder, 'state.json');

function configuration(folder: string, { port, systemPassword, accounts }: Omit<State, 'pid'>): string[] {
  return [
    ...basicConfiguration(port, folder),
    'system_account: SYS',
    'accounts {',
    `  SYS { users: [{ user: ${systemUser}, password: "${systemPassword}" }] }`,
    ...accounts.map((account) => `  ${account.name} { jetstream: enabled\n${renderUsers(usersOf(account))}\n  }`),
    '}',
  ];
}
