import { JetStreamApiError } from '@nats-io/jetstream';
import { Logger } from '@nestjs/common';
import { buckets, streams, subjects } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { bucketStream, bucketSubject } from './bucket-names.ts';
import type { Bus } from './connection.ts';
import { pause } from './retry.ts';
import { unlessAborted } from './unless-aborted.ts';

/** One write that is not stored by then says that the bus is ill; a slow disk takes less. */
const pulseWithinMs = 5_000;
const pulseEveryMs = 2_000;
/** So long after the last write that was read back the bus is no longer called well. */
const wellForMs = 10_000;
/** An answer that took longer says too little of when it was stored. */
const longestForClockMs = 1_000;

const log = new Logger('Pulse');

export interface PulseOptions {
  /** Has every stream answer too; for whoever may publish on all of them, as gateways and the administrator may. */
  readonly everyStream?: boolean;
  readonly everyMs?: number;
  readonly withinMs?: number;
  readonly wellForMs?: number;
  /** File whose time says when the pulse was last taken well. */
  readonly lifeFile?: string | undefined;
}

export interface PulseReading {
  /** By how much the clock of the server is ahead of ours; absent when that could not be told. */
  readonly brokerAheadMs?: number;
  /** By how much that may be wrong. */
  readonly uncertainMs?: number;
}

/**
 * Stores something and reads it back. Throws what does not work: a server that takes clients may have stopped storing, in all
 * streams or in one.
 * @param key  that of the service in the bucket of pulses, which it may write
 */
export async function takePulse(
  bus: Bus,
  key: string,
  { everyStream = false, withinMs = pulseWithinMs }: Pick<PulseOptions, 'everyStream' | 'withinMs'> = {},
): Promise<PulseReading> {
  if (!bus.isConnected) throw new Error('There is no connection to nats-server.');
  const stored = storeAndReadBack(bus, key, withinMs);
  const parts = [
    { name: bucketStream(buckets.pulse.name), answer: stored },
    ...(everyStream ? allStreams() : []).map(({ name, all }) => ({ name, answer: answers(bus, all, withinMs) })),
  ];
  const silent = new Set(parts.map(({ name }) => name));
  const work = Promise.all(
    parts.map(({ name, answer }) => Promise.resolve<unknown>(answer).then(() => silent.delete(name))),
  );
  // What times out says nothing of who else is silent.
  work.catch(() => {});
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`No answer within ${withinMs / 1_000} s from ${[...silent].join(', ')}.`)),
    withinMs,
  );
  try {
    await bus.whileConnected(Promise.race([work, late]));
    return await stored;
  } finally {
    clearTimeout(timer);
  }
}

/** Revision of the last pulse of a service; undefined when it has left none. */
export async function lastPulse(bus: Bus, key: string): Promise<number | undefined> {
  const { name } = buckets.pulse;
  const query = { last_by_subj: bucketSubject(name, key) };
  const stored = await bus.manager.direct.getMessage(bucketStream(name), query);
  return stored?.seq;
}

const allStreams = () => [
  ...Object.values(streams).map(({ name, subjects: [all] }) => ({ name, all })),
  ...Object.values(buckets)
    .filter((bucket) => bucket !== buckets.pulse)
    .map(({ name }) => ({ name: bucketStream(name), all: bucketSubject(name, '>') })),
];

async function storeAndReadBack(bus: Bus, key: string, withinMs: number): Promise<PulseReading> {
  const subject = bucketSubject(buckets.pulse.name, key);
  const [askedAtMs, began] = [Date.now(), performance.now()];
  const { seq } = await bus.jetstream.publish(subject, randomUUID(), { timeout: 2 * withinMs });
  const tookMs = performance.now() - began;
  const stored = await bus.manager.direct.getMessage(bucketStream(buckets.pulse.name), { last_by_subj: subject });
  // Another process of the service may have written since.
  if (stored === null || stored.seq < seq) throw new Error('What was stored on the bus could not be read back.');
  // The server stamped it between the question and the answer.
  if (stored.seq !== seq || tookMs > longestForClockMs) return {};
  const uncertainMs = Math.ceil(tookMs / 2) + 1;
  return { brokerAheadMs: Math.round(stored.time.getTime() - (askedAtMs + tookMs / 2)), uncertainMs };
}

/**
 * A message that the stream refuses, as it is meant for one of another name: it says so when it has dealt with what came before,
 * and stores nothing. (The API must not be asked about a stream that hangs: whoever does blocks it for everybody.)
 */
async function answers(bus: Bus, all: string, withinMs: number): Promise<void> {
  try {
    const expect = { streamName: 'none' };
    await bus.jetstream.publish(subjects.untakenOf(all), '', { timeout: 2 * withinMs, expect });
  } catch (error) {
    // It is refused, or there is no such stream yet.
    if (!(error instanceof JetStreamApiError) && (error as Error).name !== 'JetStreamNotEnabled') throw error;
  }
}

/** Takes the pulse of the bus again and again: for readiness, and so that others see that this service lives. */
export class Pulse {
  readonly #stopping = new AbortController();
  readonly #beating: Promise<void>;
  readonly #begun = Promise.withResolvers<void>();
  readonly #wellForMs: number;
  #lastMs = performance.now();
  #fault: Error | undefined;
  #brokerAheadMs: number | undefined;
  /** Or has not been tried yet: the log says it once. */
  #isNoted = true;

  constructor(
    private readonly bus: Bus,
    private readonly key: string,
    options: PulseOptions = {},
  ) {
    this.#wellForMs = options.wellForMs ?? wellForMs;
    this.#beating = this.#beat(options);
  }

  /** Resolves when it has been taken once, or could not be. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** By how much the clock of the server is ahead of that of this machine; undefined until it has been measured. */
  get brokerAheadMs(): number | undefined {
    return this.#brokerAheadMs;
  }

  /** What time it is by the clock of the server, which is the same for everybody on the bus. */
  now(): number {
    return Date.now() + (this.#brokerAheadMs ?? 0);
  }

  /** Milliseconds since something was stored and read back. */
  get silentMs(): number {
    return performance.now() - this.#lastMs;
  }

  /** A sentence about what is wrong with the bus; undefined while it stores. */
  get fault(): string | undefined {
    if (!this.bus.isConnected) return 'The message bus is away.';
    const { silentMs } = this;
    if (silentMs < this.#wellForMs) return undefined;
    return `The message bus has stored nothing for ${Math.round(silentMs / 1_000)} s. ${this.#fault?.message ?? ''}`.trimEnd();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#beating;
  }

  /** For whoever looks from outside; a disk that is full does not make the service ill. */
  async #noteIn(lifeFile: string): Promise<void> {
    try {
      await writeFile(lifeFile, '');
      this.#isNoted = true;
    } catch (error) {
      if (this.#isNoted) log.warn(`POLYVIRT_LIFE_FILE cannot be written: ${(error as Error).message}`);
      this.#isNoted = false;
    }
  }

  /** What fits what is known changes nothing: a clock that is corrected all the time would go back again and again. */
  #compareClocks({ brokerAheadMs, uncertainMs = 0 }: PulseReading): void {
    if (brokerAheadMs === undefined) return;
    const isKnown = this.#brokerAheadMs !== undefined && Math.abs(brokerAheadMs - this.#brokerAheadMs) <= uncertainMs;
    if (!isKnown) this.#brokerAheadMs = brokerAheadMs;
  }

  async #beat({ everyMs = pulseEveryMs, lifeFile, ...options }: PulseOptions): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#compareClocks(await unlessAborted(takePulse(this.bus, this.key, options), signal));
        this.#lastMs = performance.now();
        this.#fault = undefined;
        if (lifeFile !== undefined) await this.#noteIn(lifeFile);
      } catch (error) {
        this.#fault = error as Error;
      }
      this.#begun.resolve();
      await pause(everyMs, signal).catch(() => {});
    }
  }
}
