import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Bus, ensureCommandConsumer, listen, openBucket, Pulse, type Listener } from '@polyvirt/bus';
import {
  buckets,
  Heartbeat,
  heartbeatEveryMs,
  HostRecord,
  lackOf,
  ProblemError,
  subjects,
  type CapabilityRef,
  type CommandOptions,
  type Host,
  type HostId,
  type HostState,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { Inventory } from '../inventory/inventory.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { HostEvents } from './host-events.ts';
import { HostRegister } from './host-register.ts';
import { drainOf, isExpected, joinOf, viewOfAbsent } from './host-view.ts';
import { Presence, type Transition } from './presence.ts';

const lookEveryMs = 1_000;
/** What two machines that ask the same time server stay within. */
const tellSkewMs = 2_000;
/** A bus that has stored nothing for so long may not deliver heartbeats either; at rest it stores something every two seconds. */
const deafAfterMs = 5_000;

/** Told when a host has gone or has come back. */
export type HostListener = (transition: Transition) => void;

/** Every host, in memory: what its agent wrote of it, and when it was last heard. */
@Injectable()
export class Hosts implements OnModuleInit, OnModuleDestroy {
  private readonly records = new Map<HostId, HostRecord>();
  private readonly presence = new Presence();
  private readonly stopping = new AbortController();
  private readonly listeners = new Set<HostListener>();
  private watching: Promise<void> = Promise.resolve();
  private hearing: Listener | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lookedAtMs: number;
  private deafMs = 0;

  constructor(
    private readonly bus: Bus,
    private readonly pulse: Pulse,
    private readonly inventory: Inventory,
    private readonly events: HostEvents,
    private readonly register: HostRegister,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {
    this.lookedAtMs = times.now();
  }

  async onModuleInit(): Promise<void> {
    this.hearing = listen(this.bus, subjects.heartbeat('*'), Heartbeat, (heartbeat) => this.heard(heartbeat));
    await new Promise<void>((caughtUp) => {
      this.watching = this.watch(caughtUp);
    });
    await Promise.all([...this.records.keys()].map((host) => this.presume(host)));
    this.timer = setInterval(() => this.lookForSilence(), lookEveryMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.hearing?.close();
    this.stopping.abort();
    await this.watching;
  }

  onTransition(listener: HostListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  all(): HostRecord[] {
    return [...this.records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: HostId): HostRecord | undefined {
    return this.records.get(id);
  }

  /** Throws `host-not-found`. */
  require(id: HostId): HostRecord {
    const record = this.records.get(id);
    if (record) return record;
    throw new ProblemError('host-not-found', `There is no host ${id}.`);
  }

  stateOf(id: HostId): HostState {
    return this.presence.stateOf(id, this.clock());
  }

  /** The same, with `draining` for one that somebody has drained. */
  shownStateOf(id: HostId): HostState {
    const state = this.stateOf(id);
    return state === 'ready' && drainOf(this.register.get(id)) ? 'draining' : state;
  }

  /** The incarnation of an agent that takes commands and whose hypervisor works; undefined while there is none. */
  healthyAgent(id: HostId): string | undefined {
    const sign = this.presence.lastSign(id);
    return this.stateOf(id) === 'ready' && sign?.health.status === 'healthy' ? sign.incarnation : undefined;
  }

  /** Every host as the API shows it, those too whose agent has not been there yet. */
  shown(): Host[] {
    const absent = [...this.register.all()].filter(({ row }) => !this.records.has(row.id) && isExpected(row));
    const present = this.all().filter(({ id }) => !this.isGoing(id));
    return [...present.map((record) => this.view(record)), ...absent.map(viewOfAbsent)];
  }

  /** One of them. Throws `host-not-found`. */
  show(id: HostId): Host {
    const registered = this.register.get(id);
    const record = this.isGoing(id) ? undefined : this.records.get(id);
    if (record) return this.view(record);
    if (registered && isExpected(registered.row)) return viewOfAbsent(registered);
    throw new ProblemError('host-not-found', `There is no host ${id}.`);
  }

  /** Somebody has removed it, and the bus may not have forgotten it yet. */
  private isGoing(id: HostId): boolean {
    const registered = this.register.get(id);
    return registered !== undefined && !isExpected(registered.row);
  }

  /** Forgets a host that was removed. */
  drop(id: HostId): void {
    this.records.delete(id);
    this.presence.forget(id);
  }

  view(record: HostRecord): Host & { readonly state: HostState } {
    const { incarnation: _, images: __, networks: ___, templates: ____, volumes: _____, ...shown } = record;
    const sign = this.presence.lastSign(record.id);
    const { vms, running, cpus, memoryMiB } = this.inventory.vms.totalsOf(record.id);
    const registered = this.register.get(record.id);
    const drain = drainOf(registered);
    return {
      ...shown,
      notes: [...shown.notes, ...this.skewOf(record.id)],
      health: sign?.health ?? record.health,
      state: this.shownStateOf(record.id),
      ...(sign && { lastSeenAt: sign.sentAt }),
      totals: { vms, running, cpus, memoryMiB },
      ...(registered && joinOf(registered)),
      ...(drain && { drain }),
    };
  }

  /** A sentence about a clock that is too far from ours to be overlooked. Both were compared with that of the bus. */
  private skewOf(id: HostId): string[] {
    const [ours, its] = [this.pulse.brokerAheadMs, this.presence.lastSign(id)?.brokerAheadMs];
    if (ours === undefined || its === undefined) return [];
    const aheadMs = ours - its;
    if (Math.abs(aheadMs) < tellSkewMs) return [];
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    return [
      `The clock of this host is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of the gateway, and so are the times it tells. ` +
        'Synchronise both, with chrony or systemd-timesyncd.',
    ];
  }

  /**
   * Throws `host-offline` for a host that takes no commands now, or whose hypervisor would carry none out, unless the caller
   * would rather wait for it. One that is drained takes only what ends work on it.
   */
  requireTaking(id: HostId, whenOffline: CommandOptions['whenOffline'], { evenDrained = false } = {}): void {
    const drain = drainOf(this.register.get(id));
    if (drain && !evenDrained)
      throw new ProblemError(
        'host-offline',
        `${drain.by} drained the host ${id} at ${drain.since}: it takes nothing but stop, suspend, cancel and delete until somebody ends that, by \`polyvirt host drain ${id} --off\`.`,
      );
    if (whenOffline === 'queue') return;
    const state = this.stateOf(id);
    const health = this.presence.lastSign(id)?.health;
    if (state === 'ready' && (health === undefined || health.status === 'healthy')) return;
    const why =
      state === 'draining'
        ? `The agent of host ${id} is shutting down and takes nothing new.`
        : state === 'offline'
          ? `The host ${id} is offline.`
          : `The hypervisor of host ${id} does not work: ${health?.detail ?? ''}`;
    throw new ProblemError('host-offline', `${why} Try again when it is back, or ask with "whenOffline": "queue".`, {
      retryAfterSeconds: Math.ceil(heartbeatEveryMs / 1_000),
    });
  }

  /** Throws `capability-missing`, with the host's own reason. */
  requireCapability(id: HostId, ref: CapabilityRef): void {
    const record = this.records.get(id);
    const lack = record && lackOf(record.capabilities, ref);
    if (lack !== undefined) throw new ProblemError('capability-missing', lack);
  }

  private async watch(caughtUp: () => void): Promise<void> {
    const bucket = openBucket(this.bus, buckets.hosts, HostRecord);
    for await (const change of bucket.watch('>', this.stopping.signal)) {
      if (change.type === 'caught-up') caughtUp();
      else if (change.type === 'delete') this.records.delete(change.key);
      else if (change.value.id === change.key) this.records.set(change.key, change.value);
      else this.logger.error({ key: change.key, claims: change.value.id }, 'a record is not of the host its key names');
    }
    caughtUp();
  }

  private async presume(host: HostId): Promise<void> {
    const last = await this.events.last(host, this.stopping.signal);
    if (last?.to === 'online') this.presence.presume(host, last.incarnation, this.clock());
  }

  private heard(heartbeat: Heartbeat): void {
    // Its own clock may be anywhere.
    const sign = { ...heartbeat, sentAt: new Date().toISOString() };
    const transition = this.presence.heard(sign, this.clock());
    if (!transition) return;
    void this.provide(heartbeat.host);
    this.tell(transition);
  }

  /** An agent waits for somebody who may make its consumer. */
  private async provide(host: HostId): Promise<void> {
    try {
      await ensureCommandConsumer(this.bus, host, this.stopping.signal);
    } catch (err) {
      if (!this.stopping.signal.aborted) this.logger.error({ err, host }, 'cannot make the consumer of a host');
    }
  }

  /** Done every second: tells of hosts that have fallen silent. */
  lookForSilence(): void {
    const now = this.times.now();
    const sinceLookMs = now - this.lookedAtMs;
    this.lookedAtMs = now;
    const isDeaf = !this.bus.isConnected || this.pulse.silentMs > deafAfterMs;
    if (isDeaf || sinceLookMs > 3 * lookEveryMs) this.deafMs += sinceLookMs;
    for (const transition of this.presence.lapsed(this.clock())) this.tell(transition);
  }

  /** Stands still while this process can hear nobody, because the bus is away or it was not run: no host is to blame. */
  private clock(): number {
    return this.times.now() - this.deafMs;
  }

  private tell(transition: Transition): void {
    for (const listener of this.listeners) listener(transition);
    void this.events.publish(transition, this.stopping.signal);
  }
}
