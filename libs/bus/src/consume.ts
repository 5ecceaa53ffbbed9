import { Logger } from '@nestjs/common';
import type { JsMsg } from '@nats-io/jetstream';
import { consumers, foreignIdOf, MinuteRollup, streams } from '@polyvirt/contracts';
import type { Bus } from './connection.ts';
import { decodeEvent, type StoredEvent } from './event.ts';
import { pull } from './pull.ts';
import { sharedAckWaitMs } from './topology.ts';
import { runInTrace, traceHeader } from './trace.ts';
import { decodeJson, isEcho } from './wire.ts';

const log = new Logger('Bus');

/** Something to be dealt with before the next one is asked for; it comes again until `ack`. */
export interface Delivery<Content> {
  readonly content: Content;
  /** 1 at first; higher when it has come before. */
  readonly deliveries: number;
  /** It is dealt with. Resolves when the server knows; a lost answer only means that it comes again. */
  ack(): Promise<void>;
  /** It could not be dealt with now; it comes again after the delay. */
  nak(delayMs: number): void;
  /** Runs in the trace of whoever sent it. */
  trace<Result>(run: () => Result): Result;
}

/**
 * Events of a durable consumer that the processes of one service share: each goes to one of them. In the order of the
 * stream, also when one is refused, because the server hands the next out after the one before is acknowledged.
 */
export async function* consumeEvents(
  bus: Bus,
  { consumer = consumers.organizer, signal }: { consumer?: string; signal: AbortSignal },
): AsyncGenerator<Delivery<StoredEvent>, void> {
  for await (const message of pull(bus, { stream: streams.events.name, consumer, maxMessages: 1, signal })) {
    const event = decodeEvent(message);
    if (event) yield* deliver(bus, message, event);
    else message.term();
  }
}

/** Roll-ups of all hosts, shared by the gateways; in any order. */
export async function* consumeRollups(
  bus: Bus,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<Delivery<MinuteRollup>, void> {
  const options = { stream: streams.rollups.name, consumer: consumers.rollups, maxMessages: 64, signal };
  for await (const message of pull(bus, options)) {
    const rollup = decodeRollup(message);
    if (rollup) yield* deliver(bus, message, rollup);
    else message.term();
  }
}

function decodeRollup(message: JsMsg): MinuteRollup | undefined {
  try {
    const rollup = MinuteRollup.parse(decodeJson(message.data));
    if (isEcho(message.headers)) throw new Error('it was not published by a service');
    const foreign = foreignIdOf(MinuteRollup, rollup, message.subject.split('.').at(-1)!);
    if (foreign !== undefined) throw new Error(foreign);
    return rollup;
  } catch (error) {
    log.error(`Passed over message ${message.seq} on ${message.subject}: ${(error as Error).message}`);
    return undefined;
  }
}

function* deliver<Content>(bus: Bus, message: JsMsg, content: Content): Generator<Delivery<Content>, void> {
  // The server takes it for lost only when this process dies, however long it takes.
  const tell = (say: () => void) => {
    if (!bus.isClosing) say();
  };
  const beat = setInterval(() => tell(() => message.working()), sharedAckWaitMs / 3);
  try {
    yield {
      content,
      deliveries: message.info.deliveryCount,
      ack: () => acknowledge(message),
      nak: (delayMs) => tell(() => message.nak(Math.max(1, delayMs))),
      trace: (run) => runInTrace(message.headers?.get(traceHeader), run),
    };
  } finally {
    clearInterval(beat);
  }
}

/** Acknowledges, and waits for the server to have noted it. */
export async function acknowledge(message: JsMsg): Promise<void> {
  try {
    await message.ackAck({ timeout: 2_000 });
  } catch (error) {
    log.warn(`Message ${message.seq} of ${message.info.stream} will come again: ${(error as Error).message}`);
  }
}
