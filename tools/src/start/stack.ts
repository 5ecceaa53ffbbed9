import { importedSettings, importHypervisorConfig, meetPrism } from '@polyvirt/config/hypervisor-config';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { freePort, holderOf } from '../machine/free-port.ts';
import { stopLibvirt } from '../machine/libvirt.ts';
import { natsConfig, natsTakesClients } from '../machine/nats.ts';
import { root } from '../places.ts';
import { prepareBus } from './bus.ts';
import { Instance } from './instance.ts';
import { LibvirtKeeper } from './libvirt-keeper.ts';
import { layoutOf, type Layout } from './layout.ts';
import { lookAtMachine } from './look.ts';
import { migrateBus } from './migrate-bus.ts';
import type { StartOptions } from './options.ts';
import { chooseParts, type Lack, type Parts } from './parts.ts';
import { operationsUnderWay, sentenceAbout } from './operations-under-way.ts';
import { prepare } from './prepare.ts';
import { answersHttps, firstLogIn, gatewayIsReady, Watcher } from './readiness.ts';
import { Room } from './room.ts';
import { removeRunFile, writeRunFile, type RunRecord } from './run-file.ts';
import { Secrets } from './secrets.ts';
import { environmentOf, gatewaySecret, runToken, servicesFor, type ServiceDefinition, type Stack } from './services.ts';
import { suspendSimulated } from './simulated-workstation.ts';
import { Supervisor, type Supervised } from './supervisor.ts';

const USERNAME = 'admin';
/** Beyond the twenty seconds that an agent gives the operations it has begun. */
const STOP_TIMEOUT_MS = 30_000;
const BROKER = 'nats-server';
const KVM_HOST = 'kvm-local';
/** Longest pause before something is started again that all the others wait for. */
const OTHERS_WAIT_MS = 5_000;

/** What whoever has started the stack is told. */
export interface Ready {
  readonly url: string;
  readonly username: string;
  /** Given only by the first start. */
  readonly firstPassword: string | undefined;
  /** Where a browser sets a password, once; while the first one has not been changed. */
  readonly firstLogIn: string | undefined;
  readonly layout: Layout;
  /** Where clients of the earlier programs find it, when that port is opened. */
  readonly earlierPrograms: string | undefined;
  /** What each agent says of its hypervisor. */
  readonly hosts: readonly { id: string; simulated: boolean; health: string }[];
  /** What this machine cannot carry. */
  readonly lacks: readonly Lack[];
}

/** This machine cannot carry what there has to be, or what was asked for. The message says what helps. */
export class CannotCarry extends Error {
  override readonly name = 'CannotCarry';
}

/** Everything that `npm start` runs, from the broker to the agents. */
export class RunningStack {
  readonly #layout: Layout;
  readonly #instance: Instance;
  readonly #log: (line: string) => void;
  readonly #supervisor: Supervisor;
  readonly #stopping = new AbortController();
  #record: RunRecord | undefined;
  /** Watches the services from their broker on, to the end. */
  #watcher: Promise<Watcher> | undefined;
  #starting: Promise<unknown> = Promise.resolve();
  /** Settings of whoever starts it, over those that were imported. */
  readonly #caller: NodeJS.ProcessEnv;
  #services: readonly ServiceDefinition[] = [];
  /** Looks after the daemons of libvirt that were started here. */
  #keeping: Promise<void> | undefined;

  private constructor(layout: Layout, instance: Instance, caller: NodeJS.ProcessEnv, log: (line: string) => void) {
    this.#caller = caller;
    this.#layout = layout;
    this.#instance = instance;
    this.#log = log;
    this.#supervisor = new Supervisor({
      log,
      stopTimeoutMs: STOP_TIMEOUT_MS,
      changed: (running) => this.#note(running),
    });
  }

  /** Takes the data folder; nothing is started yet. */
  static async take({ dataDir, config }: StartOptions, log: (line: string) => void): Promise<RunningStack> {
    const layout = layoutOf(dataDir);
    const instance = await Instance.take(layout.instanceFile, log);
    await removeRunFile(layout.runFile);
    try {
      if (config !== undefined) await importHypervisorConfig({ file: config, dataDir }, log);
      else await meetPrism(dataDir, log);
      const caller = { ...(await importedSettings(dataDir, process.env)), ...process.env };
      return new RunningStack(layout, instance, caller, log);
    } catch (error) {
      await instance.release();
      throw error;
    }
  }

  /** Starts everything and resolves when it is ready. Whether that works or not, {@link stop} has to be called at the end. */
  async start(options: StartOptions): Promise<Ready> {
    const starting = this.#start(options);
    this.#starting = starting.catch(() => undefined);
    return await starting;
  }

  /** Stops everything, the last one started first. Machines go on running. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped before it was ready'));
    const underWay = this.#record && (await operationsUnderWay(this.#record));
    if (underWay) this.#log(sentenceAbout(underWay));
    this.#record = undefined;
    await removeRunFile(this.#layout.runFile);
    await this.#supervisor.stop();
    await this.#starting;
    await (await this.#watcher?.catch(() => undefined))?.close();
    if (existsSync(this.#layout.workstation)) await suspendSimulated(this.#layout.workstation);
    await this.#keeping;
    // Machines do not need the daemon: the next start finds them running. A daemon of the system's is not ours to stop.
    if (this.#instance.ownsLibvirt) await stopLibvirt();
    await this.#instance.release();
  }

  async #start(options: StartOptions): Promise<Ready> {
    const layout = this.#layout;
    const { signal } = this.#stopping;
    const log = this.#log;
    const { build, hosts } = options;
    const port = await portFor(options, log);
    const machine = await lookAtMachine(this.#caller, options);
    const parts = chooseParts(machine);
    requireCarried(parts, hosts);
    const { libvirt, lacks } = await prepare({
      layout,
      machine,
      parts,
      services: servicesFor(parts),
      build,
      log,
      signal,
    });
    if (libvirt?.startedBy === 'us') await this.#instance.noteLibvirt();
    const carried: Parts = {
      ...parts,
      hosts: parts.hosts.filter((host) => !lacks.some(({ part }) => part === host)),
      lacks: [...parts.lacks, ...lacks],
    };
    requireCarried(carried, hosts);
    this.#services = servicesFor(carried);

    const secrets = await Secrets.open(layout.secrets);
    for (const name of this.#services.flatMap((service) => service.secrets)) await secrets.get(name);
    if (options.newSecret) await secrets.renew(gatewaySecret);
    await secrets.getFormer(gatewaySecret);
    const password = await secrets.get('admin-password');
    const token = `pv_${randomBytes(32).toString('base64url')}`;
    await secrets.put(runToken, token);
    const bus = await prepareBus(this.#services, secrets, layout);
    for (const folder of [layout.nats, layout.images, layout.archives]) await mkdir(folder, { recursive: true });
    await migrateBus(layout, bus.coreAccount, log);
    const folders = [dirname(layout.database), layout.nats, layout.archives, layout.logs, layout.images];
    void new Room(folders, this.#caller['POLYVIRT_SPACE_KEPT_MIB'], log).watch(signal);

    // Two stacks that start at one time would both find the usual ones free; whoever wants any port gets any of each.
    const usual = (number: number) => freePort(options.port === 0 ? 0 : number);
    const [natsPort, prismPort] = [await usual(4222), await usual(9440)];
    const stack: Stack = {
      layout,
      port,
      natsUrl: `nats://127.0.0.1:${natsPort}`,
      prismPort,
      secretFile: (name) => secrets.fileOf(name),
    };
    const url = `http://127.0.0.1:${port}`;

    const watched = () => this.#watch(stack.natsUrl, bus.adminCredentials);
    await this.#supervisor.start(await this.#natsServer(natsPort, bus.config, watched));
    for (const service of this.#services) {
      const env = environmentOf(service, stack, this.#caller);
      await this.#supervisor.start(this.#supervised(service, stack, env, signsOf(service, stack, url, watched)));
    }
    const first = await firstLogIn(url, USERNAME, password);
    this.#record = {
      url,
      username: USERNAME,
      ...(first && { password }),
      token,
      natsUrl: stack.natsUrl,
      processes: {},
    };
    await this.#note(this.#supervisor.running);
    const watcher = await watched();
    if (this.#instance.ownsLibvirt) {
      const isDoubtful = () => watcher.healthOf(KVM_HOST)?.status !== 'healthy';
      this.#keeping = new LibvirtKeeper({ log, isDoubtful }).keep(signal);
    }
    return {
      url,
      username: USERNAME,
      firstPassword: (await secrets.isFirstShowing('admin-password')) ? password : undefined,
      firstLogIn: first?.link,
      layout,
      earlierPrograms: earlierProgramsAt(this.#caller),
      hosts: this.#services.flatMap(({ bus, settings }) => {
        if (typeof bus !== 'object') return [];
        const simulated = 'POLYVIRT_SIMULATED' in settings(stack);
        return [{ id: bus.host, simulated, health: watcher.healthOf(bus.host)?.detail ?? '' }];
      }),
      lacks: carried.lacks,
    };
  }

  /** One connection for all who look; tried again when it could not be made. */
  async #watch(url: string, credentials: string): Promise<Watcher> {
    this.#watcher ??= Watcher.connect(url, credentials);
    const watcher = this.#watcher;
    try {
      return await watcher;
    } catch (error) {
      if (this.#watcher === watcher) this.#watcher = undefined;
      throw error;
    }
  }

  async #natsServer(port: number, accounts: string, watched: () => Promise<Watcher>): Promise<Supervised> {
    const file = join(this.#layout.nats, 'nats.conf');
    await writeFile(file, natsConfig({ port, dataDir: this.#layout.nats, config: accounts }), { mode: 0o600 });
    const stores = async () => (await watched()).busLives();
    return {
      name: BROKER,
      program: 'nats-server',
      args: ['-c', file],
      env: { PATH: process.env['PATH'] },
      cwd: this.#layout.nats,
      logFile: this.#layout.logOf(BROKER),
      ready: async () => (await natsTakesClients(port)) && (await stores()),
      alive: stores,
      // One whose storage is stuck still talks to its clients; one that recovers its storage wants all it can get.
      idleShare: 0.2,
      longestPauseMs: OTHERS_WAIT_MS,
    };
  }

  #supervised(
    { name, entry, args, nodeOptions = [] }: ServiceDefinition,
    stack: Stack,
    env: NodeJS.ProcessEnv,
    signs: Pick<Supervised, 'ready' | 'alive' | 'through'>,
  ): Supervised {
    return {
      name,
      program: process.execPath,
      args: ['--enable-source-maps', ...nodeOptions, join(root, entry), ...(args?.(stack) ?? [])],
      env,
      cwd: this.#layout.dataDir,
      logFile: this.#layout.logOf(name),
      ...signs,
      ...(name === 'gateway' && { longestPauseMs: OTHERS_WAIT_MS }),
    };
  }

  /** Writes down who runs: for the next supervisor always, for scripts once everything is ready. */
  async #note(running: readonly { name: string; pid: number }[]): Promise<void> {
    await this.#instance.noteProcesses(running);
    if (this.#record === undefined) return;
    this.#record.processes = Object.fromEntries(running.map(({ name, pid }) => [name, pid]));
    await writeRunFile(this.#layout.runFile, this.#record);
  }
}

function requireCarried({ hosts, lacks }: Parts, wanted: StartOptions['hosts']): void {
  const needed = lacks.filter(({ part }) => part === 'broker' || wanted?.some((host) => host === part));
  const decisive = needed.length === 0 && hosts.length === 0 ? lacks : needed;
  if (decisive.length === 0) return;
  throw new CannotCarry(decisive.map(({ part, why, help }) => `${part}: ${why}\n  ${help}`).join('\n'));
}

/** One that was asked for is taken or nothing is: clients look for it there. */
async function portFor(
  { port: wanted, portGiven }: Pick<StartOptions, 'port' | 'portGiven'>,
  log: (line: string) => void,
): Promise<number> {
  const port = await freePort(wanted);
  if (wanted === 0 || port === wanted) return port;
  const holder = (await holderOf(wanted)) ?? 'another program';
  if (portGiven) {
    throw new CannotCarry(
      `Port ${wanted} is taken by ${holder}. End that, or choose another: npm start -- --port ${port}`,
    );
  }
  log(`port ${wanted} is taken by ${holder}; using ${port} instead`);
  return port;
}

/** How a service shows that it lives, and that it does its work. */
function signsOf(
  { bus }: ServiceDefinition,
  { prismPort }: Stack,
  url: string,
  watched: () => Promise<Watcher>,
): Pick<Supervised, 'ready' | 'alive' | 'through'> {
  if (bus === undefined) return { ready: () => answersHttps(prismPort), alive: () => answersHttps(prismPort) };
  if (typeof bus === 'object') {
    return {
      ready: async (sinceMs) => (await watched()).agentIsReady(bus.host, sinceMs),
      alive: async () => (await watched()).agentLives(bus.host),
      through: BROKER,
    };
  }
  return {
    ready:
      bus === 'gateway' ? () => gatewayIsReady(url) : async (sinceMs) => (await watched()).organizerIsReady(sinceMs),
    alive: async () => (await watched()).serviceLives(bus),
    through: BROKER,
  };
}

function earlierProgramsAt(caller: NodeJS.ProcessEnv): string | undefined {
  const [port, networks] = [caller['POLYVIRT_COMPAT_PORT'], caller['POLYVIRT_COMPAT_NETWORKS']];
  if (!port || caller['POLYVIRT_COMPAT'] === 'off') return undefined;
  return networks
    ? `port ${port}, plain HTTP, also from ${networks}: whoever listens on these networks reads the tokens`
    : `port ${port}, from this machine`;
}
