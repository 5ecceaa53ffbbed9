import {
  cancelOperation,
  commandConsumer,
  isEnded,
  keys,
  streams,
  type CloudEvent,
  type Command,
  type NativeId,
  type Operation,
  type Verb,
  type VmRecord,
  buckets,
} from '@polyvirt/contracts';
import {
  ask,
  ensureTopology,
  openBucket,
  publishCommand,
  readEvents,
  type Bucket,
  type Bus,
  type BusService,
  type StoredEvent,
} from '@polyvirt/bus';
import { BusAccount, eventually, NatsServer, type Broker } from '@polyvirt/bus/testing';
import { VmRecord as VmRecordSchema } from '@polyvirt/contracts';
import { FakeDriver, type FakeDriverOptions } from '@polyvirt/hypervisor';
import { randomUUID } from 'node:crypto';
import { Agent } from '../agent.ts';
import { JournalEntry, type OwnEntry } from '../operation/journal-entry.ts';
import type { AgentConfig } from '../settings.ts';
import type { AgentTimes } from '../times.ts';

export const host = 'fake-a';

const services: BusService[] = [{ service: 'gateway' }, { service: 'agent', host }];

/** What goes by the clock in production goes by it here as well, only sooner. */
const quick: Partial<AgentTimes> = {
  probeEveryMs: 50,
  heartbeatEveryMs: 100,
  calmMs: 20,
  imageCalmMs: 20,
  patience: { withinMs: 5 * 60_000, firstPauseMs: 5, longestPauseMs: 50, letGoWithinMs: 60_000 },
};

/** A bus with the gateway's view of it, and agents on it. */
export class AgentBench<Nats extends Broker = Broker> {
  readonly events: StoredEvent[] = [];
  readonly #end = new AbortController();
  readonly #following: Promise<void>;
  readonly #agents: Agent[] = [];

  private constructor(
    readonly nats: Nats,
    readonly gateway: Bus,
    readonly inventory: Bucket<VmRecord>,
    readonly journal: Bucket<JournalEntry>,
  ) {
    this.#following = this.#follow();
  }

  static async open(): Promise<AgentBench> {
    return AgentBench.#on(await BusAccount.open(services));
  }

  /** With a nats-server of its own, for what is done to that. */
  static async openAlone(): Promise<AgentBench<NatsServer>> {
    return AgentBench.#on(await NatsServer.start({ services }));
  }

  static async #on<Nats extends Broker>(nats: Nats): Promise<AgentBench<Nats>> {
    const gateway = await nats.connect('gateway');
    await ensureTopology(gateway, { hosts: [host] });
    const inventory = openBucket(gateway, buckets.inventory, VmRecordSchema);
    const journal = openBucket(gateway, buckets.journal, JournalEntry);
    return new AgentBench(nats, gateway, inventory, journal);
  }

  config(overrides: Partial<AgentConfig> = {}): AgentConfig {
    return {
      hostId: host,
      natsUrl: this.nats.url,
      natsCredentials: this.nats.credentialsOf(`agent-${host}`),
      logLevel: 'silent',
      metricsSeconds: 300,
      reconcileSeconds: 3_600,
      drainSeconds: 5,
      ...overrides,
    };
  }

  async startAgent(
    options: FakeDriverOptions = {},
    { times, ...config }: Partial<AgentConfig> & { times?: Partial<AgentTimes> } = {},
  ): Promise<{ agent: Agent; driver: FakeDriver }> {
    const driver = new FakeDriver(options);
    const agent = await this.adopt({ driver, config: this.config(config), version: '0.0.0', times });
    return { agent, driver };
  }

  /** Starts an agent, and stops it at the end if the test has not. */
  async adopt(options: Parameters<typeof Agent.start>[0]): Promise<Agent> {
    const agent = await Agent.start({ ...options, times: { ...quick, ...options.times } });
    this.#agents.push(agent);
    return agent;
  }

  command(verb: Verb, nativeId: NativeId | undefined, input: unknown = {}, overrides: Partial<Command> = {}): Command {
    const now = Date.now();
    return {
      operationId: randomUUID(),
      verb,
      host,
      ...(nativeId !== undefined && { nativeId }),
      requestId: `request-${randomUUID().slice(0, 8)}`,
      requestedBy: 'ada',
      requestedAt: new Date(now).toISOString(),
      notAfter: new Date(now + 3_600_000).toISOString(),
      input,
      ...overrides,
    };
  }

  create(name: string, input: object = {}): Command {
    const machine = { name, cpus: 1, memoryMiB: 64, firmware: 'bios', disks: [{ sizeGiB: 1, copy: 'cow' }] };
    return this.command('vm.create', undefined, { ...machine, cdrom: null, nics: [], start: false, ...input });
  }

  /** Has the journal as an agent that died has left it. */
  async leave(entry: OwnEntry): Promise<void> {
    const journal = openBucket(this.gateway, buckets.journal, JournalEntry, { host });
    await journal.create(keys.journal(host, entry.command.operationId), entry);
  }

  async send(command: Command): Promise<Command> {
    await publishCommand(this.gateway, command);
    return command;
  }

  /** Sends a command and waits for its end. */
  async carryOut(command: Command): Promise<Operation> {
    await this.send(command);
    return this.ended(command);
  }

  ended({ operationId }: Pick<Command, 'operationId'>, withinMs?: number): Promise<Operation> {
    return this.told(operationId, (operation) => isEnded(operation.status), withinMs);
  }

  /** Waits until an event tells of the operation what is wanted. */
  told(operationId: string, isWanted: (operation: Operation) => boolean, withinMs?: number): Promise<Operation> {
    return eventually(() => {
      const found = this.operationEvents(operationId).find(isWanted);
      if (!found) throw new Error(`operation ${operationId} has not come so far: ${JSON.stringify(this.types())}`);
      return found;
    }, withinMs);
  }

  /** Waits until `events` has everything that is in the stream now: what is not in it then was not published. */
  async caughtUp(): Promise<void> {
    const { state } = await this.gateway.manager.streams.info(streams.events.name);
    await eventually(() => {
      const reached = this.events.at(-1)?.sequence ?? 0;
      if (reached < state.last_seq) throw new Error(`event ${reached} of ${state.last_seq} has been read`);
    });
  }

  operationEvents(operationId: string): Operation[] {
    return this.events
      .filter(({ event }) => event.type.startsWith('operation.') && event.subject === operationId)
      .map(({ event }) => (event.data as { operation: Operation }).operation);
  }

  /** Events about a VM, oldest first. */
  vmEvents(nativeId: NativeId): CloudEvent<{ vm: VmRecord; operationId?: string } & Record<string, unknown>>[] {
    return this.events
      .map(({ event }) => event as CloudEvent<{ vm: VmRecord }>)
      .filter(({ type, data }) => type.startsWith('vm.') && data.vm.nativeId === nativeId);
  }

  types(): string[] {
    return this.events.map(({ event }) => event.type);
  }

  /** The ends of an operation that have been published until now. */
  async ends({ operationId }: Pick<Command, 'operationId'>): Promise<StoredEvent[]> {
    await this.caughtUp();
    return this.events.filter(
      ({ event }) => event.subject === operationId && /^operation\.(succeeded|failed|cancelled)$/.test(event.type),
    );
  }

  cancel({ operationId }: Pick<Command, 'operationId'>) {
    return ask(this.gateway, cancelOperation, host, { operationId });
  }

  /** Waits until the agent has so many commands that it has not acknowledged. */
  async taken(count: number): Promise<void> {
    await eventually(async () => {
      const { num_ack_pending } = await this.gateway.manager.consumers.info(streams.commands.name, `agent_${host}`);
      if (num_ack_pending !== count) throw new Error(`${num_ack_pending} commands are taken`);
    });
  }

  /** Waits until the agent has acknowledged everything. */
  async queueEmpty(): Promise<void> {
    await eventually(async () => {
      const { state } = await this.gateway.manager.streams.info(streams.commands.name);
      if (state.messages > 0) throw new Error(`${state.messages} commands are waiting`);
    });
  }

  /** Lets a command that was not acknowledged come again soon. */
  async redeliverAfter(ms: number): Promise<void> {
    await this.gateway.manager.consumers.update(streams.commands.name, commandConsumer(host), { ack_wait: ms * 1e6 });
  }

  async journalled({ operationId }: Pick<Command, 'operationId'>): Promise<JournalEntry | undefined> {
    return (await this.journal.get(keys.journal(host, operationId)))?.value;
  }

  async record(nativeId: NativeId): Promise<VmRecord | undefined> {
    return (await this.inventory.get(keys.vm(host, nativeId)))?.value;
  }

  async close(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await this.#following;
    await this.gateway.close();
    await this.nats[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    for await (const stored of readEvents(this.gateway, { fromSequence: 0, signal: this.#end.signal }))
      this.events.push(stored);
  }
}
