import { Logger } from '@nestjs/common';
import { makeEvent, publishEvent, type Bucket, type Bus } from '@polyvirt/bus';
import {
  capabilityNames,
  hostHealthChanged,
  keys,
  storageNotes,
  type Capabilities,
  type Capacity,
  type Command,
  type Health,
  type HostRecord,
  type HostStatus,
  type Image,
  type Network,
  type Template,
} from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { isDeepStrictEqual } from 'node:util';
import type { AgentIdentity } from './identity.ts';
import { VolumeList } from './volume-list.ts';

const listWithinMs = 20_000;

const log = new Logger('Host');

/** What the agent knows of its host beside what the driver says. */
export interface BesideTheDriver {
  /** Commands that are carried out now. */
  readonly running: () => readonly Command[];
  /** What the operator should know beside what the probe says. */
  readonly moreNotes: () => readonly string[];
  /** What the host can, with what the agent has to have for it. */
  readonly capabilitiesOf: (capabilities: Capabilities) => Capabilities;
}

/** Keeps the record of the host: what the probe says, and what a VM can be made of. */
export class HostKeeper {
  readonly volumes: VolumeList;
  #status: HostStatus | undefined;
  #record: HostRecord | undefined;
  #images: Image[] = [];
  #templates: Template[] = [];
  #networks: Network[] = [];
  #reconciledAt: string | undefined;
  #healthChanges = 0;
  #wakeHealthy: (() => void)[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly bucket: Bucket<HostRecord>,
    private readonly driver: HypervisorDriver,
    private readonly identity: AgentIdentity,
    private readonly signal: AbortSignal,
    private readonly probeWithinMs: number,
    private readonly beside: BesideTheDriver,
  ) {
    this.volumes = new VolumeList(driver, beside.running, () => this.#put(), signal);
  }

  get health(): Health {
    return this.#status?.health ?? { status: 'undetected', detail: 'The host has not been probed yet.' };
  }

  /** What the host can carry, as far as the last probe knew. */
  get capacity(): Capacity {
    return this.#status?.capacity ?? {};
  }

  /** What the host can, as far as the last probe knew. */
  get capabilities(): Capabilities {
    return this.#status?.capabilities ?? unknownCapabilities(this.health.detail);
  }

  /** As the last probe found it. */
  get isHealthy(): boolean {
    return this.health.status === 'healthy';
  }

  /** Resolves when a probe finds the host healthy; at once when the last one did. */
  async whenHealthy(): Promise<void> {
    if (!this.isHealthy) await new Promise<void>((resolve) => this.#wakeHealthy.push(resolve));
  }

  /** Asks how the host is; a change of its health is told. True when it has just become healthy. */
  async probe(): Promise<boolean> {
    const before = this.#status?.health.status;
    const probed = await this.#probe();
    const status = { ...probed, capabilities: this.beside.capabilitiesOf(probed.capabilities) };
    this.#status = status;
    if (status.health.status === 'healthy') for (const wake of this.#wakeHealthy.splice(0)) wake();
    if (before !== undefined && before !== status.health.status) await this.#tellHealth(status.health);
    await this.#put();
    return before !== 'healthy' && status.health.status === 'healthy';
  }

  /** Lists images, templates, networks and volumes anew. What cannot be listed stays as it was. */
  async refresh(): Promise<void> {
    const { images, networks } = this.driver;
    const within = this.#within(listWithinMs);
    this.#images = (await this.#list('images', images && (() => images.list(within)))) ?? this.#images;
    this.#templates = (await this.#list('templates', images && (() => images.templates(within)))) ?? this.#templates;
    this.#networks = (await this.#list('networks', networks && (() => networks.list(within)))) ?? this.#networks;
    await this.volumes.refresh();
    await this.#put();
  }

  /** Lists images anew. What cannot be listed stays as it was. */
  async refreshImages(): Promise<void> {
    const { images } = this.driver;
    const within = this.#within(listWithinMs);
    this.#images = (await this.#list('images', images && (() => images.list(within)))) ?? this.#images;
    await this.#put();
  }

  /** Notes that the whole inventory has been compared. */
  async reconciled(): Promise<void> {
    this.#reconciledAt = new Date().toISOString();
    await this.#put();
  }

  async #probe(): Promise<HostStatus> {
    // A driver that hangs must not keep the host looking healthy.
    const patience = this.#within(this.probeWithinMs);
    const silence = new Promise<HostStatus>((resolve) => {
      patience.addEventListener('abort', () => resolve(this.#silent()), { once: true });
    });
    return Promise.race([this.driver.probe(patience), silence]);
  }

  #silent(): HostStatus {
    const health: Health = {
      status: 'unhealthy',
      detail: `The hypervisor did not answer within ${this.probeWithinMs / 1_000} s.`,
    };
    const { capabilities, capacity = {}, limits, notes = [], version } = this.#status ?? {};
    return {
      health,
      ...(version !== undefined && { version }),
      capabilities: capabilities ?? unknownCapabilities(health.detail),
      capacity,
      ...(limits && { limits }),
      notes,
    };
  }

  async #tellHealth(health: Health): Promise<void> {
    const { host, incarnation } = this.identity;
    this.#healthChanges += 1;
    log.log(`The hypervisor is ${health.status}: ${health.detail}`);
    const event = makeEvent(hostHealthChanged, {
      id: `${incarnation}:health:${this.#healthChanges}`,
      source: `/hosts/${host}/agent`,
      subject: host,
      data: { host, incarnation, health },
    });
    await publishEvent(this.bus, host, event, { signal: this.signal });
  }

  async #put(): Promise<void> {
    if (!this.#status) return;
    const { host, version: agentVersion, incarnation } = this.identity;
    const record: HostRecord = {
      ...this.#status,
      notes: [...this.#status.notes, ...storageNotes(this.#status.capacity), ...this.beside.moreNotes()],
      id: host,
      hypervisor: this.driver.hypervisor,
      simulated: this.driver.simulated,
      agentVersion,
      incarnation,
      images: this.#images,
      networks: this.#networks,
      templates: this.#templates,
      volumes: this.volumes.free,
      ...(this.#reconciledAt !== undefined && { reconciledAt: this.#reconciledAt }),
      observedAt: this.#record?.observedAt ?? '',
    };
    if (isDeepStrictEqual(record, this.#record)) return;
    this.#record = { ...record, observedAt: new Date().toISOString() };
    await this.bucket.put(keys.host(host), this.#record, { signal: this.signal });
  }

  async #list<Item>(what: string, list: (() => Promise<Item[]>) | undefined): Promise<Item[] | undefined> {
    try {
      return list ? await list() : [];
    } catch (error) {
      log.warn(`Cannot list ${what}: ${(error as Error).message}`);
      return undefined;
    }
  }

  #within(ms: number): AbortSignal {
    return AbortSignal.any([this.signal, AbortSignal.timeout(ms)]);
  }
}

const unknownCapabilities = (reason: string) =>
  Object.fromEntries(capabilityNames.map((name) => [name, { available: false, reason }])) as Capabilities;
