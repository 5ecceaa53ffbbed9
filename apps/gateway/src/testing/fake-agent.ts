import {
  broadcast,
  decodeFrame,
  encodeFrame,
  JetStreamServer,
  listenToBytes,
  makeEvent,
  openBucket,
  publishEvent,
  publishRollup,
  RevisionConflictError,
  sendBytes,
  type Bucket,
  type Bus,
  type ConsoleFrame,
  type Listener,
} from '@polyvirt/bus';
import {
  asProblemError,
  buckets,
  cancelOperation,
  capabilityNames,
  commandOfVerb,
  commands,
  createVm,
  HostRecord,
  identifyAgent,
  isAlready,
  keys,
  listOperations,
  openConsole,
  operationCancelled,
  operationFailed,
  operationStarted,
  operationSucceeded,
  planFrom,
  planVm,
  ProblemError,
  protocolOf,
  readDefinition,
  readGuest,
  readVm,
  subjects,
  vmCreated,
  vmDeleted,
  vmIdOf,
  VmRecord,
  vmStarted,
  vmStopped,
  vmUpdated,
  type Capabilities,
  type Command,
  type EventDefinition,
  type Forecast,
  type Health,
  type Heartbeat,
  type HostId,
  type Metrics,
  type MinuteRollup,
  type NativeId,
  type Operation,
  type QueryDefinition,
} from '@polyvirt/contracts';
import { z } from 'zod';

const beatMs = 100;
const healthy: Health = { status: 'healthy', detail: 'It works.' };

/** Holds what reaches it until it is opened. */
class Gate {
  private open: () => void = () => undefined;
  readonly passed = new Promise<void>((resolve) => (this.open = resolve));
  release(): void {
    this.open();
  }
}

/** The agent's end of a console. */
class FakeConsole {
  readonly heard: Uint8Array[] = [];
  ended: string | undefined;
  /** What the viewer's side has passed on. */
  credit = 0;
  givesCredit = true;
  private owed = 0;
  private readonly listener: Listener;

  constructor(
    private readonly bus: Bus,
    private readonly host: HostId,
    readonly asked: z.infer<typeof openConsole.input>,
  ) {
    const up = subjects.consoleUp(host, asked.session);
    this.listener = listenToBytes(bus, up, (message) => this.hear(message));
  }

  get heardBytes(): number {
    return this.heard.reduce((sum, { length }) => sum + length, 0);
  }

  say(bytes: Uint8Array): void {
    this.send({ kind: 'data', bytes });
  }

  giveCredit(): void {
    this.givesCredit = true;
    this.send({ kind: 'credit', count: this.owed });
    this.owed = 0;
  }

  end(reason: string): void {
    this.send({ kind: 'end', reason });
    this.listener.close();
  }

  private hear(message: Uint8Array): void {
    const frame = decodeFrame(message);
    if (frame?.kind === 'end') this.ended = frame.reason;
    if (frame?.kind === 'credit') this.credit += frame.count;
    if (frame?.kind !== 'data') return;
    this.heard.push(frame.bytes);
    this.owed += frame.bytes.length;
    if (this.givesCredit) this.giveCredit();
  }

  private send(frame: ConsoleFrame): void {
    sendBytes(this.bus, subjects.consoleDown(this.host, this.asked.session), encodeFrame(frame));
  }
}

/**
 * An agent in memory that keeps to the contract with the gateway: journal first, event before key, one id for an end.
 * It knows of a VM only what the tests need.
 */
export class FakeAgent {
  readonly vms = new Map<NativeId, VmRecord>();
  /** Verbs in the order in which they were carried out. */
  readonly done: string[] = [];
  /** What they were given. */
  readonly inputs: unknown[] = [];
  /** Commands that wait, by verb, until their gate is released. */
  readonly gates = new Map<string, Gate>();
  /** Verbs that fail. */
  readonly failures = new Map<string, ProblemError>();
  /** Verbs whose plan is a problem. */
  readonly foreseen = new Map<string, ProblemError>();
  /** Verbs that were planned. */
  readonly planned: string[] = [];
  /** What it knows beforehand. */
  forecast: Forecast = {};
  /** The console that was opened last of each VM. */
  readonly consoles = new Map<NativeId, FakeConsole>();
  /** Where it keeps disks. */
  folder = '/var/lib';
  /** What it did, in words of the hypervisor, for each operation. */
  steps: Operation['steps'] = [];
  incarnation = 'incarnation-1';
  state: Heartbeat['state'] = 'ready';
  /** What its heartbeats say of the hypervisor. */
  health: Health = healthy;
  /** What they say of its clock. */
  brokerAheadMs: number | undefined;

  private server: JetStreamServer | undefined;
  private beat: NodeJS.Timeout | undefined;
  private readonly cancels = new Map<string, () => void>();

  private constructor(
    private readonly bus: Bus,
    readonly host: HostId,
    private readonly inventory: Bucket<VmRecord>,
    private readonly hosts: Bucket<HostRecord>,
    private readonly journal: Bucket<unknown>,
  ) {}

  static async start(bus: Bus, host: HostId, change: Partial<HostRecord> = {}): Promise<FakeAgent> {
    const agent = new FakeAgent(
      bus,
      host,
      openBucket(bus, buckets.inventory, VmRecord),
      openBucket(bus, buckets.hosts, HostRecord),
      openBucket(bus, buckets.journal, z.unknown()),
    );
    await agent.hosts.put(keys.host(host), { ...hostRecord(host), ...change });
    await agent.begin();
    return agent;
  }

  /** Has its host be another than it was. */
  async become(change: Partial<HostRecord>): Promise<void> {
    await this.hosts.put(keys.host(this.host), { ...hostRecord(this.host), ...change });
  }

  /** Begins to answer and to take commands, again after `end`. */
  async begin(): Promise<void> {
    const server = new JetStreamServer({ bus: this.bus, host: this.host });
    this.server = server;
    for (const command of commands)
      server.addHandler(command.verb, (message: Command) => this.carryOut(message), false, { command });
    this.answer(readVm, ({ nativeId }) => this.look(nativeId));
    this.answer(readGuest, ({ nativeId }) => ({ agent: true, hostname: nativeId, addresses: ['192.0.2.7'] }));
    this.answer(readDefinition, ({ nativeId }) => ({
      format: 'libvirt-xml' as const,
      text: `<domain><name>${nativeId}</name><source file='${this.folder}/${nativeId}.qcow2'/></domain>`,
      files: [`${this.folder}/${nativeId}.qcow2`],
    }));
    this.answer(planVm, (question) => this.plan(question));
    this.answer(identifyAgent, () => ({ incarnation: this.incarnation, startedAt: now() }));
    this.answer(listOperations, () => ({ incarnation: this.incarnation, operationIds: [...this.cancels.keys()] }));
    this.answer(cancelOperation, ({ operationId }) => {
      const cancel = this.cancels.get(operationId);
      cancel?.();
      return { accepted: cancel !== undefined, ...(cancel && { cancelRequestedAt: now() }) };
    });
    this.answer(openConsole, (asked) => {
      this.consoles.set(asked.nativeId, new FakeConsole(this.bus, this.host, asked));
      return { protocol: protocolOf[asked.kind] };
    });
    server.listen(() => undefined);
    this.sayAlive();
    this.beat = setInterval(() => this.sayAlive(), beatMs);
    await this.bus.connection.flush();
  }

  /** Lets go of whatever a test has made it hold or refuse. */
  relax(): void {
    for (const gate of this.gates.values()) gate.release();
    this.gates.clear();
    this.failures.clear();
    this.foreseen.clear();
    this.forecast = {};
  }

  /** Falls silent, as if killed. */
  async end(): Promise<void> {
    clearInterval(this.beat);
    for (const gate of this.gates.values()) gate.release();
    await this.server?.close();
    // The server has all that it said by then.
    if (!this.bus.isClosing && this.bus.isConnected) await this.bus.connection.flush();
  }

  hold(verb: string): Gate {
    const gate = new Gate();
    this.gates.set(verb, gate);
    return gate;
  }

  /** Something that happened on the host by itself. */
  async show(
    nativeId: NativeId,
    change: Partial<VmRecord> = {},
    definition: EventDefinition<string, z.ZodType> = vmUpdated,
  ): Promise<number> {
    const known = this.vms.get(nativeId) ?? vmRecord(this.host, nativeId);
    const record = { ...known, ...change, observedAt: now() };
    this.vms.set(nativeId, record);
    await this.tell(definition, `${record.id}:${definition.name}:${Math.random()}`, record.id, { vm: record });
    return this.inventory.put(keys.vm(this.host, nativeId), record);
  }

  /** Has an operation at hand no more, as after the loss of what it remembers; it may come back to it all the same. */
  forget(operationId: string): void {
    this.cancels.delete(operationId);
  }

  async vanish(nativeId: NativeId): Promise<number> {
    const record = this.vms.get(nativeId)!;
    this.vms.delete(nativeId);
    await this.tell(vmDeleted, `${record.id}:deleted`, record.id, { vm: record });
    return this.inventory.delete(keys.vm(this.host, nativeId));
  }

  measure(readings: Metrics[], observedAt = now()): void {
    broadcast(this.bus, subjects.metrics(this.host), { host: this.host, observedAt, readings });
  }

  async rollUp(rollup: Omit<MinuteRollup, 'host'>): Promise<void> {
    await publishRollup(this.bus, { host: this.host, ...rollup });
  }

  async tell(
    definition: EventDefinition<string, z.ZodType>,
    id: string,
    subject: string,
    data: unknown,
  ): Promise<number> {
    const event = makeEvent(definition, { id, source: `/hosts/${this.host}/agent`, subject, data });
    return (await publishEvent(this.bus, this.host, event)).sequence;
  }

  private async carryOut(command: Command): Promise<void> {
    const { operationId: id, verb } = command;
    try {
      await this.journal.create(keys.journal(this.host, id), { command, phase: 'running', steps: [] });
    } catch (error) {
      if (error instanceof RevisionConflictError) return;
      throw error;
    }
    const cancelled = new Promise<'cancelled'>((resolve) => this.cancels.set(id, () => resolve('cancelled')));
    const operation: Operation = {
      id,
      verb,
      status: 'running',
      host: this.host,
      ...(command.nativeId !== undefined && { vmId: vmIdOf(this.host, command.nativeId) }),
      progress: 0,
      steps: this.steps,
      requestedBy: command.requestedBy,
      createdAt: command.requestedAt,
      startedAt: now(),
    };
    await this.tell(operationStarted, `${id}:started`, id, { operation });
    this.inputs.push(command.input);
    const outcome = await Promise.race([this.act(command), cancelled]);
    this.cancels.delete(id);
    // Before the end is told: whoever hears of it may ask at once.
    this.done.push(verb);
    const ended = { ...operation, endedAt: now(), progress: 100 };
    if (outcome === 'cancelled') {
      const stopped = { ...ended, status: 'cancelled', cancelRequestedAt: ended.endedAt };
      await this.tell(operationCancelled, `${id}:ended`, id, { operation: stopped });
    } else if (outcome instanceof ProblemError) {
      const error = outcome.toProblem(command.requestId);
      await this.tell(operationFailed, `${id}:ended`, id, { operation: { ...ended, status: 'failed', error } });
    } else {
      const { revision, vmId, changed } = outcome;
      const succeeded = { ...ended, status: 'succeeded', changed, ...(vmId && { vmId, result: { vmId } }) };
      await this.tell(operationSucceeded, `${id}:ended`, id, { operation: succeeded, revision });
    }
  }

  private async act(command: Command): Promise<{ revision?: number; vmId?: string; changed: boolean } | ProblemError> {
    await this.gates.get(command.verb)?.passed;
    const failure = this.failures.get(command.verb);
    if (failure) return failure;
    try {
      return await this.change(command);
    } catch (error) {
      return asProblemError(error);
    }
  }

  private async change({ verb, nativeId, operationId, input }: Command) {
    if (verb === createVm.verb) {
      const { name, cpus, memoryMiB, start } = createVm.input.parse(input);
      const state = start ? 'running' : 'stopped';
      const revision = await this.show(operationId, { name, cpus, memoryMiB, state }, vmCreated);
      return { revision, vmId: vmIdOf(this.host, operationId), changed: true };
    }
    // Of what a host has beside VMs nothing is kept here.
    if (nativeId === undefined) return { changed: true };
    const record = this.vms.get(nativeId);
    if (!record) throw new ProblemError('vm-not-found', `There is no VM ${nativeId}.`);
    switch (verb) {
      case 'vm.start':
        if (record.state === 'running') return { changed: false };
        return { revision: await this.show(nativeId!, { state: 'running' }, vmStarted), changed: true };
      case 'vm.stop':
        if (record.state === 'stopped') return { changed: false };
        return { revision: await this.show(nativeId!, { state: 'stopped' }, vmStopped), changed: true };
      case 'vm.delete':
        return { revision: await this.vanish(nativeId!), changed: true };
      case 'vm.reconfigure':
        return { revision: await this.show(nativeId!, input as Partial<VmRecord>), changed: true };
      default:
        return { revision: await this.show(nativeId!), changed: true };
    }
  }

  private async look(nativeId: NativeId) {
    const record = this.vms.get(nativeId);
    if (!record) throw new ProblemError('vm-not-found', `There is no VM ${nativeId}.`);
    return { vm: record, revision: await this.show(nativeId) };
  }

  /** Becomes an agent of a release that did not know the question. */
  unlearn(query: QueryDefinition): void {
    // A handler that says of no question that it answers it is none.
    this.server!.addHandler(query.name, () => Promise.resolve(), false, {});
  }

  private plan({ verb, nativeId, input }: z.infer<typeof planVm.input>) {
    this.planned.push(verb);
    const foreseen = this.foreseen.get(verb);
    if (foreseen) throw foreseen;
    const definition = commandOfVerb(verb)!;
    const vm = nativeId === undefined ? undefined : this.vms.get(nativeId);
    if (nativeId !== undefined && !vm) throw new ProblemError('vm-not-found', `There is no VM ${nativeId}.`);
    const parsed: unknown = definition.input.parse(input);
    const action = definition.actionOf(parsed);
    if (vm && action !== undefined && isAlready(action, vm, allCapabilities)) return planFrom({ changes: [] }, {});
    return planFrom(definition.outline(parsed, { vm, capabilities: allCapabilities }), this.forecast);
  }

  private answer<Input extends z.ZodType, Output extends z.ZodType>(
    query: QueryDefinition<string, Input, Output>,
    handler: (input: z.infer<Input>) => z.infer<Output> | Promise<z.infer<Output>>,
  ): void {
    this.server!.addHandler(query.name, async (input: z.infer<Input>) => handler(input), false, { query });
  }

  private sayAlive(): void {
    const heartbeat: Heartbeat = {
      host: this.host,
      incarnation: this.incarnation,
      state: this.state,
      health: this.health,
      startedAt: now(),
      sentAt: now(),
      ...(this.brokerAheadMs !== undefined && { brokerAheadMs: this.brokerAheadMs }),
    };
    broadcast(this.bus, subjects.heartbeat(this.host), heartbeat);
  }
}

const now = () => new Date().toISOString();

export const allCapabilities = Object.fromEntries(
  capabilityNames.map((name) => [name, { available: true }]),
) as Capabilities;

export const hostRecord = (id: HostId): HostRecord => ({
  id,
  hypervisor: 'kvm',
  simulated: false,
  agentVersion: '0.1.0',
  incarnation: 'incarnation-1',
  health: healthy,
  version: '9.0.0',
  capabilities: allCapabilities,
  capacity: {},
  notes: [],
  images: [
    { name: 'tiny-linux', kind: 'disk', sizeGiB: 1 },
    { name: 'rescue', kind: 'iso', sizeGiB: 1 },
  ],
  networks: [{ name: 'default', kind: 'nat', active: true, fixedAddresses: true }],
  templates: [],
  volumes: [],
  observedAt: now(),
});

export const vmRecord = (host: HostId, nativeId: NativeId): VmRecord => ({
  id: vmIdOf(host, nativeId),
  host,
  nativeId,
  hypervisor: 'kvm',
  simulated: false,
  name: nativeId,
  state: 'stopped',
  cpus: 1,
  memoryMiB: 512,
  disks: [{ device: 'vda', sizeGiB: 10 }],
  nics: [{ mac: '52:54:00:00:00:01', network: 'default', addresses: [] }],
  snapshots: [],
  createdAt: now(),
  observedAt: now(),
});
