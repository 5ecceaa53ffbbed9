import { NatsServer } from '@polyvirt/bus/testing';
import { agentUser, type Bus, type BusService } from '@polyvirt/bus';
import type { HostId, HostRecord, Operation, Vm } from '@polyvirt/contracts';
import { parts } from '../app.module.ts';
import { FakeAgent } from './fake-agent.ts';
import { startTestGateway, type Answer, type TestGateway } from './test-gateway.ts';

const password = 'password of a test';

/** A nats-server that holds everybody to their subjects, one gateway or more on one database, and agents in memory. */
export class TestHouse {
  private readonly agents: FakeAgent[] = [];
  private readonly buses: Bus[] = [];
  readonly gateways: TestGateway[] = [];
  token = '';

  private constructor(readonly nats: NatsServer) {}

  static async start(hosts: readonly HostId[] = ['kvm-a'], databaseUrl?: string): Promise<TestHouse> {
    const services: BusService[] = [
      { service: 'admin', password },
      { service: 'gateway', password },
      ...hosts.map((host): BusService => ({ service: 'agent', host, password })),
    ];
    const nats = await NatsServer.start({ services });
    const house = new TestHouse(nats);
    await house.startGateway(databaseUrl);
    house.token = (await house.gateway.login()).accessToken;
    return house;
  }

  get gateway(): TestGateway {
    return this.gateways[0]!;
  }

  /** Another gateway; on the database of the first one unless told otherwise. */
  async startGateway(databaseUrl = this.gateways[0]?.databaseUrl): Promise<TestGateway> {
    const environment = {
      POLYVIRT_NATS_URL: this.nats.url,
      POLYVIRT_NATS_USER: 'gateway',
      POLYVIRT_NATS_PASSWORD: password,
      POLYVIRT_METRICS_ACCESS: 'open',
      ...(databaseUrl !== undefined && { POLYVIRT_DATABASE_URL: databaseUrl }),
    };
    const gateway = await startTestGateway({ environment, parts });
    this.gateways.push(gateway);
    return gateway;
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
    return this.call<Operation>(method, path, body, { prefer: 'wait=20', ...headers });
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
}
