import { Logger } from '@nestjs/common';
import { ProblemError, streams, subjects } from '@polyvirt/contracts';
import type { Bus } from './connection.ts';
import { decodeEvent, type StoredEvent } from './event.ts';
import { isMissing, isPassing } from './faults.ts';
import { readOrdered, type OrderedStart } from './ordered.ts';
import { backoffMs, pause } from './retry.ts';
import { served } from './served.ts';

const log = new Logger('Bus');

export interface ReadEventsOptions {
  /** The first event wanted: one more than the cursor of the last one seen. Without a start, what happens from now on. */
  readonly fromSequence?: number | undefined;
  /** RFC 3339 */
  readonly startTime?: string | undefined;
  /** Subject with wildcards, as `subjects.eventsAbout('vm')`; by default every event. */
  readonly filter?: string | undefined;
  /** Ends the iteration without an error. */
  readonly signal: AbortSignal;
}

/**
 * Events in the order of the stream, each once, whatever happens to the connection and the server meanwhile.
 * Throws `cursor-expired` when events from the start on are gone, or the cursor is not of this stream.
 */
export async function* readEvents(bus: Bus, options: ReadEventsOptions): AsyncGenerator<StoredEvent, void> {
  const { filter = subjects.events, signal } = options;
  try {
    let start = await firstStart(bus, options);
    let upToDate = false;
    for (let failures = 1; ; failures += 1) {
      try {
        for await (const item of readOrdered(bus, { stream: streams.events.name, filter, start, signal })) {
          if (item === 'caught-up') {
            upToDate = true;
            continue;
          }
          failures = 0;
          start = { sequence: item.seq + 1 };
          const event = decodeEvent(item);
          if (event) yield event;
        }
      } catch (error) {
        signal.throwIfAborted();
        log.warn(`Reading events begins again: ${(error as Error).message}`);
      }
      await pause(backoffMs(failures + 1), signal);
      // Behind a filter the last event seen may be older than the stream though nothing was missed.
      if ('sequence' in start) await checkCursor(bus, start.sequence, signal, upToDate ? 'future' : 'both');
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function firstStart(
  bus: Bus,
  { fromSequence, startTime, signal }: ReadEventsOptions,
): Promise<Exclude<OrderedStart, string>> {
  if (startTime !== undefined) return { time: startTime };
  if (fromSequence === undefined) return { sequence: (await streamState(bus, signal)).last_seq + 1 };
  await checkCursor(bus, fromSequence, signal);
  return { sequence: Math.max(fromSequence, 1) };
}

async function checkCursor(
  bus: Bus,
  fromSequence: number,
  signal: AbortSignal,
  side: 'both' | 'future' = 'both',
): Promise<void> {
  const { first_seq: oldest, last_seq: newest } = await streamState(bus, signal);
  const first = Math.max(oldest, 1);
  const isGone = side === 'both' && Math.max(fromSequence, 1) < first;
  // Such a cursor is of a stream that was lost.
  const isBeyond = fromSequence > newest + 1;
  if (!isGone && !isBeyond) return;
  throw new ProblemError(
    'cursor-expired',
    'Events after this cursor are gone. Read the present state, then go on from the oldest cursor.',
    // A cursor names the event before the first one to read.
    { oldestCursor: String(first - 1) },
  );
}

async function streamState(bus: Bus, signal: AbortSignal): Promise<{ first_seq: number; last_seq: number }> {
  const info = await served(bus, () => bus.manager.streams.info(streams.events.name), {
    signal,
    retryable: (error) => isPassing(error) || isMissing(error),
    what: 'looking for the stream of events',
  });
  return info.state;
}
