import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, readEvents } from '@polyvirt/bus';
import { ProblemError, streams } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { LessThan, type EntityManager } from 'typeorm';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { Readiness } from '../health/readiness.ts';
import { LOGGER } from '../logger.ts';
import { EventCursorEntity } from './event-cursor.entity.ts';
import type { EventSource } from './event-stream.ts';
import { EventWindow } from './event-window.ts';
import type { Projection } from './projection.ts';
import { streamEventOf, type StreamEvent } from './stream-event.ts';

const name = 'projections';
/** Events that are projected in one transaction. */
const batch = 256;
/** Events that may wait for it. */
const mostPending = 1_024;
const retryMs = 1_000;
/** How long a request waits for this gateway to catch up with another. */
const longestWaitMs = 5_000;
/** How far the cursor in the database may stay behind, in events and in time. */
const longestLag = 1_000;
const longestLagMs = 60_000;

/**
 * Reads every event in order, has it projected into the database and memory, and only then shows it to clients: what
 * an event tells can be read when the event arrives. The place it has reached is in the database, written in the same
 * transaction; gateways of one database share it, and each batch of events is projected by the first to come.
 */
@Injectable()
export class EventFeed implements EventSource, OnApplicationBootstrap, OnModuleDestroy {
  window = new EventWindow(0);
  private readonly projections: Projection[] = [];
  private readonly arrivals = new EventEmitter<{ events: []; reset: [] }>().setMaxListeners(0);
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private fault: string | undefined;
  /** Up to which events memory holds what they did, though clients may yet have to be shown them. */
  private preparedTo = 0;
  private movedTo = 0;
  private movedAtMs = 0;

  constructor(
    private readonly bus: Bus,
    private readonly database: Database,
    readiness: Readiness,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    readiness.add('events', () => {
      if (this.fault !== undefined) throw new ProblemError('unavailable', this.fault);
    });
  }

  /** In the order in which they are to be run. */
  add(projection: Projection): void {
    this.projections.push(projection);
  }

  /** Begins when every projection has been added. */
  async onApplicationBootstrap(): Promise<void> {
    const position = await this.position();
    for (const each of this.projections) await each.begin?.();
    this.window = new EventWindow(position);
    this.running = this.run(position);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  onArrival(listener: () => void): () => void {
    this.arrivals.on('events', listener);
    return () => this.arrivals.off('events', listener);
  }

  /** Calls back when sequences begin anew, so that nobody can go on where they were. */
  onReset(listener: () => void): () => void {
    this.arrivals.on('reset', listener);
    return () => this.arrivals.off('reset', listener);
  }

  async *replay(after: number, signal: AbortSignal): AsyncIterable<StreamEvent> {
    const either = AbortSignal.any([signal, this.stopping.signal]);
    for await (const { sequence, host, event } of readEvents(this.bus, { fromSequence: after + 1, signal: either }))
      yield streamEventOf(sequence, host, event);
  }

  async oldest(): Promise<number> {
    return Math.max(1, (await this.streamState()).first_seq);
  }

  /** Throws `cursor-expired` unless every event behind the cursor is still there. */
  async requireCursor(after: number): Promise<void> {
    if (after >= this.window.floor && after <= this.window.last) return;
    const { first_seq: first, last_seq: last } = await this.streamState();
    const oldest = Math.max(first, 1) - 1;
    if (after >= oldest && after <= last) return;
    throw new ProblemError(
      'cursor-expired',
      `The events after cursor ${after} are gone, or were never: those after ${oldest} up to ${last} are there. Read the present state, then go on from the oldest cursor.`,
      { oldestCursor: String(oldest) },
    );
  }

  /**
   * The event that this gateway has yet to see before its memory holds everything that a transaction can read; undefined
   * when it does.
   */
  async awaited(manager: EntityManager): Promise<number | undefined> {
    const row = await manager.findOneBy(EventCursorEntity, { name });
    return row !== null && row.position > Math.max(this.window.last, this.preparedTo) ? row.position : undefined;
  }

  /** Resolves when an event has been seen. Throws `unavailable` when that takes too long. */
  async seen(sequence: number): Promise<void> {
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(longestWaitMs)]);
    while (this.window.last < sequence) {
      await once(this.arrivals, 'events', { signal }).catch((cause: unknown) => {
        throw new ProblemError('unavailable', 'The gateway is behind the events. Try again in a moment.', { cause });
      });
    }
  }

  /** How far this gateway is behind the stream; undefined while the bus cannot tell. */
  async lag(): Promise<{ events: number; seconds: number } | undefined> {
    if (!this.bus.isConnected) return undefined;
    try {
      const { last_seq: last } = await this.streamState();
      const events = Math.max(0, last - this.window.last);
      if (events === 0) return { events, seconds: 0 };
      const next = await this.bus.manager.streams.getMessage(streams.events.name, { seq: this.window.last + 1 });
      const seconds = next ? Math.max(0, (Date.now() - next.time.getTime()) / 1_000) : 0;
      return { events, seconds };
    } catch (error) {
      this.logger.warn({ err: error }, 'the bus does not say how far the events have come');
      return undefined;
    }
  }

  private async streamState() {
    await this.bus.whenConnected(AbortSignal.any([this.stopping.signal, AbortSignal.timeout(2_000)])).catch((cause) => {
      throw new ProblemError('unavailable', 'The message bus is away. Try again in a moment.', { cause });
    });
    return (await this.bus.manager.streams.info(streams.events.name)).state;
  }

  /** Where the projections of this database have come to. */
  private async position(): Promise<number> {
    const row = await this.database.repository(EventCursorEntity).findOneBy({ name });
    if (row) return row.position;
    try {
      await this.database.transaction((manager) => manager.insert(EventCursorEntity, { name, position: 0 }));
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    return 0;
  }

  private async run(position: number): Promise<void> {
    for (let from = position; !this.stopping.signal.aborted;) {
      try {
        await this.follow(from);
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        from = this.window.last;
        if (error instanceof ProblemError && error.code === 'cursor-expired') {
          from = await this.skipTo(Number(error.extras.oldestCursor ?? 0));
          continue;
        }
        this.fault = 'Events cannot be projected; the log has the cause.';
        this.logger.error({ err: error }, 'projecting events begins again');
        await delay(retryMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
  }

  /** Reads ahead while a batch is being projected. */
  private async follow(position: number): Promise<void> {
    const pending: StreamEvent[] = [];
    const leaving = new AbortController();
    const signal = AbortSignal.any([this.stopping.signal, leaving.signal]);
    const turns = new EventEmitter<{ more: []; room: [] }>();
    const turn = (event: 'more' | 'room') => new Promise<void>((resolve) => turns.once(event, resolve));
    let end: { error?: unknown } | undefined;
    const reading = (async () => {
      try {
        for await (const { sequence, host, event } of readEvents(this.bus, { fromSequence: position + 1, signal })) {
          pending.push(streamEventOf(sequence, host, event));
          turns.emit('more');
          if (pending.length >= mostPending) await turn('room');
        }
        end = {};
      } catch (error) {
        end = { error };
      }
      turns.emit('more');
    })();
    try {
      for (;;) {
        if (pending.length === 0) {
          if (end) break;
          await turn('more');
          continue;
        }
        await this.pass(pending.splice(0, batch));
        turns.emit('room');
        this.fault = undefined;
      }
      if (end?.error !== undefined) throw end.error;
    } finally {
      leaving.abort();
      turns.emit('room');
      await reading;
    }
  }

  private async pass(events: StreamEvent[]): Promise<void> {
    for (const each of this.projections) await each.prepare?.(events);
    this.preparedTo = events.at(-1)!.sequence;
    await this.project(events);
    for (const each of this.projections) await each.projected?.(events);
    for (const event of events) this.window.add(event);
    this.arrivals.emit('events');
  }

  /** The cursor may lag behind events that leave nothing in the database: to read them again does no harm. */
  private async project(events: StreamEvent[]): Promise<void> {
    const last = events.at(-1)!.sequence;
    const wanted = this.projections.map((each) => events.filter((event) => each.wants?.(event)));
    const isDue = performance.now() - this.movedAtMs > longestLagMs || last - this.movedTo > longestLag;
    if (!isDue && wanted.every(({ length }) => length === 0)) return;
    await this.database.transaction(async (manager) => {
      if (!(await this.move(manager, last))) return;
      for (const [n, each] of this.projections.entries())
        if (wanted[n]!.length > 0) await each.project?.(manager, wanted[n]!);
    });
    this.movedTo = last;
    this.movedAtMs = performance.now();
  }

  /** Whether the cursor was behind; another gateway may have come further. Its row is locked from then on. */
  private async move(manager: EntityManager, to: number): Promise<boolean> {
    const { affected } = await manager.update(EventCursorEntity, { name, position: LessThan(to) }, { position: to });
    return affected === 1;
  }

  /** The stream was lost, or is younger than the database: what it holds is projected from its beginning. */
  private async skipTo(position: number): Promise<number> {
    this.logger.warn({ position, was: this.window.last }, 'the events to go on with are gone');
    await this.database.transaction((manager) => manager.update(EventCursorEntity, { name }, { position }));
    this.window = new EventWindow(position);
    this.preparedTo = position;
    this.arrivals.emit('reset');
    return position;
  }
}
