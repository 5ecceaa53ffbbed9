import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type Client, type ClientOptions, type EventOptions } from '@polyvirt/api-client';
import { agentUser, ensureTopology, listen, type Bus, type BusService } from '@polyvirt/bus';
import { eventually, freePort, NatsServer } from '@polyvirt/bus/testing';
import { consumers, Heartbeat, streams, subjects } from '@polyvirt/contracts';
import { buildIso, FakeHost, type Fault } from '@polyvirt/hypervisor';
import { ensureTinyLinux, imageCache } from '@polyvirt/tools';
import { EventLog } from '../event-log.ts';
import { agentEntryOf, agentSettingsOf, entryOf, fakeStateFile, type AgentSpec } from './agents.ts';
import { KvmBelongings } from './kvm-belongings.ts';
import { ServiceProcess } from './service-process.ts';

export interface StackOptions {
  readonly agents: readonly AgentSpec[];
  /** `sqlite`, or the URL of a MariaDB database. */
  readonly database?: string;
  readonly gateways?: number;
  /** More settings of the gateways. */
  readonly gatewaySettings?: Readonly<Record<string, string>>;
}

/** `nats-server`, `gateway`, `gateway-2`, `organizer` or `agent-<host>`. */
export type ServiceName = string;

const readyWithinMs = 400_000;
const password = () => randomBytes(18).toString('base64url');

/** Everything that makes up Polyvirt, on real components, each service a process of its own. */
export class Stack {
  readonly adminPassword = password();
  /** With which the gateways sign; tests forge tokens with it. */
  readonly jwtSecret = password() + password();
  /** Of names in this machine's libvirt. */
  readonly prefix = `e2e-${randomBytes(3).toString('hex')}-`;
  readonly kvm = new KvmBelongings(this.prefix);
  readonly archives: string;
  #nats: NatsServer | undefined;
  #natsRuns = true;
  readonly #explained = new WeakSet<Error>();
  #bus: Bus | undefined;
  #admin: Client | undefined;
  readonly #services = new Map<ServiceName, ServiceProcess>();
  readonly #urls: string[] = [];
  readonly #logs: EventLog[] = [];
  /** The last heartbeat of each host. */
  readonly #heartbeats = new Map<string, Heartbeat>();

  private constructor(
    readonly folder: string,
    readonly options: StackOptions,
  ) {
    this.archives = join(folder, 'permanent_vms');
  }

  /** Resolves when everything is ready. */
  static async start(options: StackOptions): Promise<Stack> {
    const stack = new Stack(await mkdtemp(join(tmpdir(), 'polyvirt-e2e-')), options);
    try {
      await stack.#start();
    } catch (error) {
      const told = await stack.explain(error);
      await stack.stop().catch(() => undefined);
      throw told;
    }
    return stack;
  }

  get nats(): NatsServer {
    if (!this.#nats) throw new Error('the stack has not been started');
    return this.#nats;
  }

  /** A connection that may do everything. */
  get bus(): Bus {
    if (!this.#bus) throw new Error('the stack has not been started');
    return this.#bus;
  }

  /** URL of the first gateway, or of another one. */
  url(gateway = 1): string {
    const url = this.#urls[gateway - 1];
    if (url === undefined) throw new RangeError(`there is no gateway ${gateway}`);
    return url;
  }

  /** The administrator, at the first gateway. */
  get admin(): Client {
    return (this.#admin ??= this.client({ username: 'admin', password: this.adminPassword }));
  }

  client(options: Partial<ClientOptions> = {}, gateway = 1): Client {
    return createClient({ url: this.url(gateway), ...options });
  }

  /** Listens to the event stream of a client until the stack stops. Resolves when it is connected. */
  async listen(options?: Omit<EventOptions, 'signal'>, client = this.admin): Promise<EventLog> {
    const log = await EventLog.open(client, options);
    this.#logs.push(log);
    return log;
  }

  service(name: ServiceName): ServiceProcess {
    const found = this.#services.get(name);
    if (!found) throw new RangeError(`there is no service ${name}`);
    return found;
  }

  /** Ends a service and resolves when its process is gone. */
  async kill(name: ServiceName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (name !== 'nats-server') return await this.service(name).end(signal);
    this.#natsRuns = false;
    if (signal === 'SIGKILL') await this.nats.kill();
    else await this.nats.stop();
  }

  /** Starts a service again, and does not wait until it is ready. */
  async launch(name: ServiceName): Promise<void> {
    if (name !== 'nats-server') return await this.service(name).start();
    await this.nats.start();
    this.#natsRuns = true;
  }

  /** Ends a service if it runs, starts it again and resolves when it is ready. */
  async restart(name: ServiceName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(name, signal);
    await this.launch(name);
    await this.ready();
  }

  /** Resolves when every service that runs is ready. */
  async ready(): Promise<void> {
    const running = this.#running;
    const readiness = eventually(async () => {
      await Promise.all(running.map(({ name }) => this.#requireReady(name)));
    }, readyWithinMs);
    await Promise.race([readiness, this.firstDeath()]);
  }

  /** Names of the services that run. */
  get running(): ServiceName[] {
    return [...(this.#natsRuns ? ['nats-server'] : []), ...this.#running.map(({ name }) => name)];
  }

  /** Starts those of the services again that do not run. */
  async revive(names: readonly ServiceName[]): Promise<void> {
    const dead = names.filter((name) => !this.running.includes(name));
    for (const name of dead) await this.launch(name);
    if (dead.length > 0) await this.ready();
  }

  /** Rejects when one of the services that run now ends. */
  async firstDeath(): Promise<never> {
    return Promise.race(this.#running.map((service) => service.death()));
  }

  /** The same service once more, with the same settings; it is not started. */
  twinOf(name: ServiceName): ServiceProcess {
    const twin = this.service(name).twin(`${name}-twin`, join(this.folder, `${name}-twin.log`));
    this.#services.set(twin.name, twin);
    return twin;
  }

  /** Arms faults in a fake agent, in place of those before. */
  async fail(host: string, ...faults: Fault[]): Promise<void> {
    await this.service(`agent-${host}`).tell({ faults });
  }

  /** Disarms the faults of all fake agents that run. */
  async disarm(): Promise<void> {
    const fakes = this.options.agents.filter(
      ({ kind, id }) => kind === 'fake' && this.service(`agent-${id}`).isRunning,
    );
    await Promise.all(fakes.map(({ id }) => this.fail(id)));
  }

  /** A fake host as another tool would see it. Close it at the end. */
  fakeHost(host: string): FakeHost {
    return new FakeHost({ file: fakeStateFile(this.folder, host) });
  }

  /** The error, with the end of every log behind its message, as it is when this is first asked. */
  async explain(error: unknown): Promise<Error> {
    const told = error instanceof Error ? error : new Error(String(error));
    if (this.#explained.has(told)) return told;
    this.#explained.add(told);
    const tails = await Promise.all(
      [...this.#services.values()].map(async (service) => {
        const state = service.isRunning ? 'running' : `ended with ${service.exitCode}`;
        return `--- ${service.name} (${state})\n${await service.logTail(15)}`;
      }),
    );
    told.message = `${told.message}\n${tails.join('\n')}`;
    return told;
  }

  /** Ends everything and removes every trace of it. Throws when a service does not stop as it should. */
  async stop(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()));
    // Agents and the organizer first, as long as there is a bus to leave.
    const services = [...this.#services.values()].reverse();
    const ends = await Promise.allSettled(services.map((service) => service.end('SIGTERM')));
    await this.#bus?.close();
    await this.#nats?.[Symbol.asyncDispose]();
    if (this.#hasKvm) await this.kvm.remove();
    await rm(this.folder, { recursive: true, force: true });
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  get #running(): ServiceProcess[] {
    return [...this.#services.values()].filter((service) => service.isRunning);
  }

  get #hasKvm(): boolean {
    return this.options.agents.some(({ kind }) => kind === 'kvm');
  }

  async #start(): Promise<void> {
    const { agents, gateways = 1, database = 'sqlite', gatewaySettings } = this.options;
    const images = join(this.folder, 'images');
    if (this.#hasKvm) {
      await this.kvm.prepare();
      await mkdir(images);
      await ensureTinyLinux({ cacheDir: imageCache, target: join(images, 'tiny-linux.qcow2'), log: () => undefined });
      await writeFile(join(images, 'tools.iso'), buildIso('TOOLS', []));
    }
    const services: BusService[] = [
      ...(['admin', 'gateway', 'organizer'] as const).map((service) => ({ service })),
      ...agents.map(({ id }) => ({ service: 'agent' as const, host: id })),
    ];
    this.#nats = await NatsServer.start({ services });
    this.#bus = await this.nats.connect('admin');
    await ensureTopology(this.bus, { hosts: agents.map(({ id }) => id) });
    listen(this.bus, subjects.heartbeat('*'), Heartbeat, (beat) => this.#heartbeats.set(beat.host, beat));

    for (let number = 1; number <= gateways; number++) {
      const port = await freePort();
      this.#urls.push(`http://127.0.0.1:${port}`);
      this.#add(number === 1 ? 'gateway' : `gateway-${number}`, entryOf('gateway'), 'gateway', {
        POLYVIRT_PORT: String(port),
        POLYVIRT_DATABASE_URL: database === 'sqlite' ? `sqlite:${join(this.folder, 'polyvirt.db')}` : database,
        POLYVIRT_JWT_SECRET: this.jwtSecret,
        POLYVIRT_ADMIN_PASSWORD: this.adminPassword,
        POLYVIRT_RATE_LIMIT: '0',
        POLYVIRT_NATS_SIGNING_KEY: this.nats.signingSeed,
        POLYVIRT_ARCHIVE_PATH: this.archives,
        POLYVIRT_UPLOAD_PATH: join(this.folder, 'uploads'),
        ...gatewaySettings,
      });
    }
    this.#add('organizer', entryOf('organizer'), 'organizer', { POLYVIRT_ARCHIVE_PATH: this.archives });
    const storage = { pool: this.kvm.pool, path: this.kvm.path, images };
    for (const spec of agents) {
      const settings = {
        POLYVIRT_GATEWAY_URL: this.#urls[0]!,
        ...agentSettingsOf(spec, this.folder, storage),
      };
      this.#add(`agent-${spec.id}`, agentEntryOf(spec), agentUser(spec.id), settings);
    }
    await Promise.all([...this.#services.values()].map((service) => service.start()));
    await this.ready();
  }

  #add(name: ServiceName, entry: string, user: string, settings: Record<string, string>): void {
    const inherited = Object.entries(process.env).filter(
      ([key]) => !key.startsWith('POLYVIRT_') && key !== 'NODE_OPTIONS',
    );
    const env = {
      ...Object.fromEntries(inherited),
      POLYVIRT_NATS_URL: this.nats.url,
      POLYVIRT_NATS_CREDENTIALS: this.nats.credentialsOf(user),
      POLYVIRT_LOG_LEVEL: 'info',
      ...settings,
    };
    this.#services.set(name, new ServiceProcess({ name, entry, env, logFile: join(this.folder, `${name}.log`) }));
  }

  async #requireReady(name: ServiceName): Promise<void> {
    if (name.startsWith('gateway')) {
      const number = name === 'gateway' ? 1 : Number(name.slice('gateway-'.length));
      const response = await fetch(`${this.url(number)}/readyz`);
      if (!response.ok) throw new Error(`${name} answers ${response.status}: ${await response.text()}`);
    } else if (name === 'organizer') {
      const { num_waiting, num_ack_pending } = await this.bus.manager.consumers.info(
        streams.events.name,
        consumers.organizer,
      );
      if (num_waiting + num_ack_pending === 0) throw new Error('the organizer does not wait for events');
    } else {
      await this.#requireAgent(name.slice('agent-'.length), this.service(name).startedAtMs);
    }
  }

  /** The gateway takes an agent that was killed for ready until it has been silent for a while. */
  async #requireAgent(hostId: string, startedAtMs: number): Promise<void> {
    const beat = this.#heartbeats.get(hostId);
    if (!beat || Date.parse(beat.startedAt) < startedAtMs) throw new Error(`the agent of ${hostId} is silent`);
    if (!this.service('gateway').isRunning) return;
    const { data } = await this.admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId } } });
    if (data.state !== 'ready') throw new Error(`the host ${hostId} is ${data.state}`);
  }
}
