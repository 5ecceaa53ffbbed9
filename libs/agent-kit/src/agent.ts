import 'reflect-metadata';
import { Logger, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  connectBus,
  CommandContext,
  isRefusal,
  JetStreamServer,
  makeEvent,
  openBucket,
  publishEvent,
  Pulse,
  Redeliver,
  type Bus,
} from '@polyvirt/bus';
import { buckets, hostDraining, HostRecord, keys, subjects, VmRecord } from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { lastValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentModule } from './agent.module.ts';
import { Beat } from './beat.ts';
import { Consoles } from './console/consoles.ts';
import { endOperationOf } from './dead-letters.ts';
import { HeartbeatSender } from './host/heartbeat.ts';
import { ImageWatcher } from './host/image-watcher.ts';
import { HostKeeper } from './host/host-keeper.ts';
import { newIdentity, type AgentIdentity } from './host/identity.ts';
import { JoinedCredential } from './host/joined-credential.ts';
import { NotAdmittedError } from './host/not-admitted.ts';
import { requireOnlyAgent, SecondAgentError } from './host/only-agent.ts';
import { HostImages } from './images/host-images.ts';
import { Inventory } from './inventory/inventory.ts';
import { unreadableNotes } from './inventory/unreadable.ts';
import { Watcher } from './inventory/watcher.ts';
import { MetricsSweeper } from './metrics/metrics-sweeper.ts';
import { commandOf, isUnfinished, JournalEntry } from './operation/journal-entry.ts';
import { OperationRunner } from './operation/operation-runner.ts';
import type { AgentConfig } from './settings.ts';
import { timesOf, type AgentTimes } from './times.ts';

export interface AgentOptions {
  readonly driver: HypervisorDriver;
  readonly config: AgentConfig;
  /** Version of the agent. */
  readonly version: string;
  /** Called when another agent turns out to have been there first, or the host is none any more; this one has to be stopped. */
  readonly onUnwanted?: (error: SecondAgentError | NotAdmittedError) => void;
  /** Other times than those of production, for tests. */
  readonly times?: Partial<AgentTimes> | undefined;
}

/** How long what was let go of may take to notice. */
const letGoWithinMs = 2_000;

const log = new Logger('Agent');

/** A driver on the bus. */
export class Agent {
  readonly identity: AgentIdentity;
  readonly operations: OperationRunner;
  readonly inventory: Inventory;
  readonly #options: AgentOptions;
  readonly #bus: Bus;
  readonly #end: AbortController;
  readonly #keeper: HostKeeper;
  readonly #heartbeat: HeartbeatSender;
  /** By which it knows the clock of the bus. */
  readonly #pulse: Pulse;
  readonly #watcher: Watcher;
  readonly #images: HostImages;
  readonly #imageWatcher: ImageWatcher;
  readonly #sweeper: MetricsSweeper;
  readonly #consoles: Consoles;
  readonly #server: JetStreamServer;
  readonly #beats: readonly Beat[];
  #app: INestMicroservice | undefined;
  #stopping: Promise<void> | undefined;
  #isUnwanted = false;

  /**
   * Resolves when the agent is at work.
   * @throws SecondAgentError if another one looks after the host
   * @throws NotAdmittedError if the host has joined and the bus does not let it in any more
   */
  static async start(options: AgentOptions, signal: AbortSignal = new AbortController().signal): Promise<Agent> {
    const { config, version } = options;
    const identity = newIdentity(config.hostId, version);
    const joined = config.joinPath === undefined ? undefined : new JoinedCredential(config.joinPath);
    const { refusedForMs } = { ...timesOf(config), ...options.times };
    const bus = await connectBus({
      url: config.natsUrl,
      credentials: joined?.read ?? config.natsCredentials,
      tls: config.natsCa === undefined ? undefined : { caFile: config.natsCa },
      name: `agent of ${config.hostId}`,
      signal,
      ...(joined && { refusedForMs }),
    }).catch((error: unknown) => {
      throw joined && isRefusal(error) ? new NotAdmittedError(identity.host, refusedForMs, { cause: error }) : error;
    });
    try {
      await requireOnlyAgent(bus, identity, signal);
      const agent = new Agent(options, identity, bus, joined, {
        inventory: openBucket(bus, buckets.inventory, VmRecord, { host: identity.host }),
        hosts: openBucket(bus, buckets.hosts, HostRecord),
        journal: openBucket(bus, buckets.journal, JournalEntry, { host: identity.host, isListed: isUnfinished }),
      });
      await agent.#begin();
      return agent;
    } catch (error) {
      await bus.close();
      throw error;
    }
  }

  private constructor(
    options: AgentOptions,
    identity: AgentIdentity,
    bus: Bus,
    joined: JoinedCredential | undefined,
    stores: {
      readonly inventory: ConstructorParameters<typeof Inventory>[1];
      readonly hosts: ConstructorParameters<typeof HostKeeper>[1];
      readonly journal: ConstructorParameters<typeof OperationRunner>[0]['journal'];
    },
  ) {
    const { driver, config } = options;
    this.#options = options;
    this.identity = identity;
    this.#bus = bus;
    this.#end = new AbortController();
    const { signal } = this.#end;
    const times = { ...timesOf(config), ...options.times };
    if (joined) bus.onRefused((forMs) => this.#refused(forMs, times.refusedForMs));
    this.inventory = new Inventory(bus, stores.inventory, driver, identity, signal);
    const notes = () => unreadableNotes(this.inventory.records().filter(({ unreadable }) => unreadable !== undefined));
    const running = () => this.operations.commands;
    this.#images = new HostImages(config.gatewayUrl, config.imageNetworks, running, () => this.#keeper.refreshImages());
    this.#keeper = new HostKeeper(bus, stores.hosts, driver, identity, signal, times.probeWithinMs, {
      running,
      moreNotes: notes,
      capabilitiesOf: (capabilities) => this.#images.capabilitiesOf(capabilities),
    });
    this.#pulse = new Pulse(bus, keys.pulseOfAgent(identity.host), {
      everyMs: times.pulseEveryMs,
      lifeFile: config.lifeFile,
    });
    const brokerAheadMs = () => this.#pulse.brokerAheadMs;
    this.operations = new OperationRunner({
      bus,
      journal: stores.journal,
      inventory: this.inventory,
      identity,
      isHealthy: () => this.#keeper.isHealthy,
      whenHealthy: () => this.#keeper.whenHealthy(),
      patience: times.patience,
      brokerAheadMs,
      capacity: () => this.#keeper.capacity,
      signal,
    });
    this.#heartbeat = new HeartbeatSender(
      bus,
      identity,
      { health: () => this.#keeper.health, brokerAheadMs },
      times.heartbeatEveryMs,
    );
    this.#watcher = new Watcher(driver, this.inventory, signal, times.calmMs);
    this.#imageWatcher = new ImageWatcher(driver, this.#keeper, signal, times.imageCalmMs);
    this.#sweeper = new MetricsSweeper(bus, driver, identity, signal, times.metricsEveryMs);
    this.#consoles = new Consoles(bus, driver, identity);
    this.#server = new JetStreamServer({
      bus,
      host: identity.host,
      onDeadLetter: (letter) => endOperationOf(letter, identity.host, this.operations),
    });
    this.#beats = [
      new Beat('Probe', times.probeEveryMs, () => this.#probe()),
      new Beat('Reconciliation', times.reconcileEveryMs, () => this.#reconcile()),
      ...(joined ? [joined.renewing(bus, identity.host, times.renewEveryMs)] : []),
    ];
  }

  /**
   * Finishes what it can, lets go of the rest without ending it, and leaves the bus. May be called more than once. What is
   * let go of goes on when the agent is started again.
   */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #begin(): Promise<void> {
    const { driver } = this.#options;
    this.#heartbeat.watchForElder((elder) => {
      const error = new SecondAgentError(this.identity.host, `it was started at ${elder.startedAt}`);
      log.fatal(error.message);
      this.#options.onUnwanted?.(error);
    });
    await this.#keeper.probe();
    await this.#keeper.refresh();
    await this.inventory.seed();
    this.#app = await NestFactory.createMicroservice(
      AgentModule.of({
        driver,
        identity: this.identity,
        inventory: this.inventory,
        operations: this.operations,
        consoles: this.#consoles,
        capabilities: () => this.#keeper.capabilities,
        volumes: this.#keeper.volumes,
        images: this.#images,
      }),
      { strategy: this.#server, bufferLogs: false },
    );
    await this.#app.init();
    // They have an age by the clock of the bus.
    await this.#pulse.begun;
    // Before new commands come: what was begun is further on than what has not been.
    await this.#resume();
    await this.#app.listen();
    this.#heartbeat.start();
    this.#watcher.start();
    this.#imageWatcher.start();
    this.#sweeper.start();
    for (const beat of this.#beats) beat.start();
    log.log(`Looks after host ${this.identity.host}: ${this.#keeper.health.detail}`);
  }

  /** Begins to go on with what an agent before has left; nothing is waited for. */
  async #resume(): Promise<void> {
    for (const entry of await this.operations.unfinished()) {
      const { operationId, verb } = entry.command;
      const handler = this.#server.getHandlers().get(verb);
      try {
        if (!handler) throw new Error(`this agent knows no command ${verb}`);
        const command = commandOf(entry);
        log.log(`Goes on with ${verb}, operation ${operationId}.`);
        // From here on: a reconciliation must not tell of a half-made VM as of somebody else's.
        const forget = this.operations.expect(command);
        const going = async () => {
          const context = new CommandContext([subjects.command(this.identity.host, verb), entry.attempts]);
          const result: unknown = await handler(command, context);
          await lastValueFrom(this.#server.transformToObservable(result), { defaultValue: undefined });
        };
        going()
          .catch((error: unknown) => {
            // The command is still on the bus and comes again.
            if (!(error instanceof Redeliver) && !this.#end.signal.aborted)
              log.error(error, `operation ${operationId}`);
          })
          .finally(forget);
      } catch (error) {
        log.error(error, `operation ${operationId} cannot go on`);
      }
    }
  }

  #refused(forMs: number, longestMs: number): void {
    if (forMs < longestMs || this.#isUnwanted) return;
    this.#isUnwanted = true;
    const error = new NotAdmittedError(this.identity.host, forMs);
    log.fatal(error.message);
    this.#options.onUnwanted?.(error);
  }

  async #probe(): Promise<void> {
    if (await this.#keeper.probe()) await this.#reconcile();
  }

  async #reconcile(): Promise<void> {
    await this.inventory.reconcile();
    await this.#keeper.refresh();
    await this.#keeper.reconciled();
  }

  async #stop(): Promise<void> {
    const { drainSeconds } = this.#options.config;
    const { host, incarnation } = this.identity;
    log.log(`Stops; ${this.operations.count} operations are running.`);
    this.#heartbeat.drain();
    this.operations.drain();
    await this.#server.stopFetching();
    await within(letGoWithinMs, this.#tellDraining({ host, incarnation }));
    await within(drainSeconds * 1_000, this.operations.idle());
    this.operations.letGo();
    await within(letGoWithinMs, this.operations.idle());
    this.#consoles.endAll('The agent is stopping.');
    await within(letGoWithinMs, this.#sweeper.stop());
    this.#end.abort(new Error('the agent has stopped'));
    await within(letGoWithinMs, this.#quiet());
    await within(letGoWithinMs, this.#app?.close() ?? Promise.resolve());
    await within(letGoWithinMs, this.#bus.close());
    await within(letGoWithinMs, this.#options.driver.close());
  }

  async #quiet(): Promise<void> {
    const watchers = [this.#watcher.stopped(), this.#imageWatcher.stopped()];
    await Promise.all([
      this.#heartbeat.stop(),
      this.#pulse.stop(),
      ...watchers,
      ...this.#beats.map((beat) => beat.stop()),
    ]);
  }

  async #tellDraining({ host, incarnation }: Pick<AgentIdentity, 'host' | 'incarnation'>): Promise<void> {
    const event = makeEvent(hostDraining, {
      id: `${incarnation}:draining`,
      source: `/hosts/${host}/agent`,
      subject: host,
      data: { host, incarnation },
    });
    await publishEvent(this.#bus, host, event, { signal: this.#end.signal });
  }
}

/** Waits, but not for longer: on the way out nothing may hold the process. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  try {
    await Promise.race([work, sleep(ms, undefined, { signal: patience.signal })]);
  } catch (error) {
    log.warn(`On the way out: ${(error as Error).message}`);
  } finally {
    patience.abort();
  }
}
