import { Logger } from '@nestjs/common';
import { broadcastAll, publishRollup, type Bus } from '@polyvirt/bus';
import { subjects, vmIdOf, type DriverMetrics, type Metrics, type MinuteRollup } from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { Beat } from '../beat.ts';
import type { AgentIdentity } from '../host/identity.ts';
import { MinuteRollups } from './minute-rollups.ts';

const sweepWithinMs = 30_000;
/** How many minutes wait for a bus that is away; older ones are given up. */
const waitingMinutes = 24 * 60;

const log = new Logger('Metrics');

/** Reads every VM on a beat, and sums each minute up. A beat that is skipped is a gap, and is shown as one. */
export class MetricsSweeper {
  readonly #beat: Beat;
  readonly #rollups: MinuteRollups;
  readonly #waiting: MinuteRollup[] = [];
  #publishing: Promise<void> = Promise.resolve();
  #isPublishing = false;

  constructor(
    private readonly bus: Bus,
    private readonly driver: HypervisorDriver,
    private readonly identity: AgentIdentity,
    private readonly signal: AbortSignal,
    everyMs: number,
  ) {
    this.#rollups = new MinuteRollups(identity.host);
    this.#beat = new Beat('Metrics', everyMs, () => this.#sweep());
  }

  start(): void {
    if (this.driver.metrics) this.#beat.start();
  }

  /**
   * Publishes also the minute under way. The next agent sums up the rest of it under the same id, which the stream then has
   * already: that minute has fewer readings, and none twice.
   */
  async stop(): Promise<void> {
    await this.#beat.stop();
    this.#queue(this.#rollups.take(Infinity));
    await this.#publishing;
  }

  async #sweep(): Promise<void> {
    const asked = new Date();
    // The minute that has ended is closed first, so that a host that hangs does not hold it back for longer than a beat.
    this.#queue(this.#rollups.take(asked.getTime()));
    const within = AbortSignal.any([this.signal, AbortSignal.timeout(sweepWithinMs)]);
    const readings = (await this.driver.metrics!.sweep(within)).map((reading) => this.#named(reading, asked));
    this.#rollups.add(readings);
    this.#broadcast(readings);
  }

  #broadcast(readings: readonly Metrics[]): void {
    const { host } = this.identity;
    // Nobody wants to have old ones all at once when the bus comes back.
    if (!this.bus.isConnected || readings.length === 0) return;
    const observedAt = new Date().toISOString();
    broadcastAll(this.bus, subjects.metrics(host), readings, (part) => ({ host, observedAt, readings: part }));
  }

  /**
   * What a host answers may be from any moment since it was asked. A reading says the earliest, so that none that a VM was
   * stopped under passes for one after the stop.
   */
  #named({ nativeId, ...reading }: DriverMetrics, asked: Date): Metrics {
    const isLater = Date.parse(reading.observedAt) > asked.getTime();
    const observedAt = isLater ? asked.toISOString() : reading.observedAt;
    return { vmId: vmIdOf(this.identity.host, nativeId), ...reading, observedAt };
  }

  #queue(rollups: readonly MinuteRollup[]): void {
    this.#waiting.push(...rollups);
    while (this.#waiting.length > waitingMinutes) this.#waiting.shift();
    if (this.#isPublishing || this.#waiting.length === 0) return;
    this.#isPublishing = true;
    this.#publishing = this.#publish().finally(() => {
      this.#isPublishing = false;
    });
  }

  async #publish(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await publishRollup(this.bus, next, { signal: this.signal });
      } catch (error) {
        if (this.signal.aborted) return;
        log.error(error, `The minute ${next.minute} is lost.`);
      }
    }
  }
}
