import { BusAccount, NatsServer, type Broker } from '@polyvirt/bus/testing';
import { agentUser, type Bus, type BusService } from '@polyvirt/bus';
import type { HostId, HostRecord, Operation, Vm } from '@polyvirt/contracts';
import { parts } from '../app.module.ts';
import type { GatewayTimes } from '../times.ts';
import { FakeAgent } from './fake-agent.ts';
import { startTestGateway, type Answer, type TestGateway } from './test-gateway.ts';

export interface HouseOptions {
  readonly hosts?: readonly HostId[];
  /** A SQLite file of its own unless told otherwise. */
  readonly databaseUrl?: string;
  readonly times?: Partial<GatewayTimes>;
  /** More settings of the gateways. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A bus that holds everybody to their subjects, one gateway or more on one database, and agents in memory. */
export class TestHouse<Nats extends Broker = Broker> {
  private readonly agents: FakeAgent[] = [];
  private readonly buses: Bus[] = [];
  readonly gateways: TestGateway[] = [];
  token = '';

  private constructor(
    readonly nats: Nats,
    private readonly times: Partial<GatewayTimes> | undefined,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  static async start(options: HouseOptions = {}): Promise<TestHouse> {
    return TestHouse.on(await BusAccount.open(servicesOf(options)), options);
  }

  /** With a nats-server of its own, for what is done to that. */
  static async startAlone(options: HouseOptions = {}): Promise<TestHouse<NatsServer>> {
    return TestHouse.on(await NatsServer.start({ services: servicesOf(options) }), options);
  }

  private static async on<Nats extends Broker>(nats: Nats, options: HouseOptions): Promise<TestHouse<Nats>> {
    const house = new TestHouse(nats, options.times, options.environment ?? {});
    await house.startGateway(options.databaseUrl);
    house.token = (await house.gateway.login()).accessToken;
    return house;
  }

  get gateway(): TestGateway {
    return this.gateways[0]!;
  }

  /** Another gateway, which stays to the end; on the database of the first one unless told otherwise. */
  async startGateway(databaseUrl?: string): Promise<TestGateway> {
    const gateway = await this.makeGateway(databaseUrl);
    this.gateways.push(gateway);
    return gateway;
  }

  /** Has another gateway take part until the work is done, or until that has stopped it. */
  async withGateway<Result>(
    work: (gateway: TestGateway) => Promise<Result>,
    times?: Partial<GatewayTimes>,
  ): Promise<Result> {
    const gateway = await this.makeGateway(undefined, times);
    try {
      return await work(gateway);
    } finally {
      await gateway.stop();
    }
  }

  async connect(user: string): Promise<Bus> {
    const bus = await this.nats.connect(user);
    this.buses.push(bus);
    return bus;
  }

  async startAgent(host: HostId = 'kvm-a', change: Partial<HostRecord> = {}): Promise<FakeAgent> {
    const agent = await FakeAgent.start(await this.connect(agentUser(host)), host, change);
    this.agents.push(agent);
    return agent;
  }

  call<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    gateway = this.gateway,
  ): Promise<Answer<Body>> {
    const options = { token: this.token, headers, ...(body !== undefined && { body }) };
    return gateway.call<Body>(method, `/api/v1${path}`, options);
  }

  /** Asks, and waits for the end. */
  ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer<Operation>> {
    return this.call<Operation>(method, path, body, { prefer: 'wait=60', ...headers });
  }

  async vm(id: string, gateway = this.gateway): Promise<Vm> {
    return (await this.call<Vm>('GET', `/vms/${id}`, undefined, {}, gateway)).body;
  }

  async stop(): Promise<void> {
    for (const agent of this.agents) await agent.end();
    for (const gateway of this.gateways.toReversed()) await gateway.stop();
    for (const bus of this.buses) await bus.close();
    await this.nats[Symbol.asyncDispose]();
  }

  private makeGateway(databaseUrl = this.gateways[0]?.databaseUrl, times = this.times): Promise<TestGateway> {
    const environment = {
      POLYVIRT_NATS_URL: this.nats.url,
      POLYVIRT_NATS_CREDENTIALS: this.nats.credentialsOf('gateway'),
      POLYVIRT_NATS_SIGNING_KEY: this.nats.signingSeed,
      POLYVIRT_METRICS_ACCESS: 'open',
      ...this.settings,
      ...(databaseUrl !== undefined && { POLYVIRT_DATABASE_URL: databaseUrl }),
    };
    return startTestGateway({ environment, parts, times, busRealm: this.nats.realm });
  }
}

const servicesOf = ({ hosts = ['kvm-a'] }: HouseOptions): BusService[] => [
  { service: 'admin' },
  { service: 'gateway' },
  ...hosts.map((host): BusService => ({ service: 'agent', host })),
];
