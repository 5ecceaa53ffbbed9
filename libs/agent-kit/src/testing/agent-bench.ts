import {
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
  ensureTopology,
  openBucket,
  publishCommand,
  readEvents,
  type Bucket,
  type Bus,
  type StoredEvent,
} from '@polyvirt/bus';
import { eventually, NatsServer } from '@polyvirt/bus/testing';
import { VmRecord as VmRecordSchema } from '@polyvirt/contracts';
import { FakeDriver, type FakeDriverOptions } from '@polyvirt/hypervisor';
import { randomUUID } from 'node:crypto';
import { Agent } from '../agent.ts';
import { JournalEntry } from '../operation/journal-entry.ts';
import type { AgentConfig } from '../settings.ts';

export const host = 'fake-a';

/** A real nats-server with the gateway's view of it, and agents on it. */
export class AgentBench {
  readonly events: StoredEvent[] = [];
  readonly #end = new AbortController();
  readonly #agents: Agent[] = [];

  private constructor(
    readonly nats: NatsServer,
    readonly gateway: Bus,
    readonly inventory: Bucket<VmRecord>,
    readonly journal: Bucket<JournalEntry>,
  ) {
    void this.#follow();
  }

  static async open(): Promise<AgentBench> {
    const password = 'secret';
    const nats = await NatsServer.start({
      services: [
        { service: 'gateway', password },
        { service: 'agent', host, password },
      ],
    });
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
      natsUser: `agent-${host}`,
      natsPassword: 'secret',
      logLevel: 'silent',
      metricsSeconds: 300,
      reconcileSeconds: 3_600,
      drainSeconds: 5,
      ...overrides,
    };
  }

  async startAgent(
    options: FakeDriverOptions = {},
    config: Partial<AgentConfig> = {},
  ): Promise<{ agent: Agent; driver: FakeDriver }> {
    const driver = new FakeDriver(options);
    const agent = await Agent.start({ driver, config: this.config(config), version: '0.0.0' });
    this.#agents.push(agent);
    return { agent, driver };
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
      notAfter: new Date(now + 30_000).toISOString(),
      input,
      ...overrides,
    };
  }

  create(name: string, input: object = {}): Command {
    const machine = { name, cpus: 1, memoryMiB: 64, firmware: 'bios', disks: [{ sizeGiB: 1, copy: 'cow' }] };
    return this.command('vm.create', undefined, { ...machine, cdrom: null, nics: [], start: false, ...input });
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

  ended({ operationId }: Pick<Command, 'operationId'>, withinMs = 8_000): Promise<Operation> {
    return this.told(operationId, (operation) => isEnded(operation.status), withinMs);
  }

  /** Waits until an event tells of the operation what is wanted. */
  told(operationId: string, isWanted: (operation: Operation) => boolean, withinMs = 8_000): Promise<Operation> {
    return eventually(() => {
      const found = this.operationEvents(operationId).find(isWanted);
      if (!found) throw new Error(`operation ${operationId} has not come so far: ${JSON.stringify(this.types())}`);
      return found;
    }, withinMs);
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
    await this.gateway.close();
    await this.nats[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    for await (const stored of readEvents(this.gateway, { fromSequence: 0, signal: this.#end.signal }))
      this.events.push(stored);
  }
}
