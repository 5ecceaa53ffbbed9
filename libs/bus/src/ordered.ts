import { Logger } from '@nestjs/common';
import {
  AckPolicy,
  DeliverPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos, nuid } from '@nats-io/transport-node';
import type { Bus } from './connection.ts';
import { pause } from './retry.ts';

const log = new Logger('Bus');

export type OrderedStart =
  | { readonly sequence: number }
  /** RFC 3339 */
  | { readonly time: string }
  /** The last message of each subject, then what follows. */
  | 'last-per-subject';

export interface OrderedOptions {
  readonly stream: string;
  readonly filter: string;
  readonly start: OrderedStart;
  /** Leaves the contents of the messages out. */
  readonly headersOnly?: boolean;
  readonly signal: AbortSignal;
}

/** A message, or that everything which was there at the beginning has been read. Comes up once. */
export type OrderedItem = JsMsg | 'caught-up';

/**
 * Reads a stream in its order until the signal aborts or anything breaks the sequence: a lost connection, a restarted
 * server, a gap. It then ends, or throws, and the caller begins again where it was; so nothing is lost or repeated.
 */
export async function* readOrdered(bus: Bus, options: OrderedOptions): AsyncGenerator<OrderedItem, void> {
  const { stream, signal } = options;
  await bus.whenConnected(signal);
  const info = await bus.whileConnected(bus.manager.consumers.add(stream, configOf(options)));
  const messages = await bus.jetstream.consumers.getConsumerFromInfo(info).consume({
    max_messages: 500,
    expires: 5_000,
    // Two missed ones, and the client asks again: a request that was lost on its way delays messages by no more.
    idle_heartbeat: 1_000,
    abort_on_missing_resource: true,
  });
  const stop = () => messages.stop();
  // A consumer in the memory of the server does not outlive it.
  const forget = bus.onReconnect(stop);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    yield* inSequence(bus, info, messages, signal);
  } finally {
    forget();
    signal.removeEventListener('abort', stop);
    stop();
    if (bus.isConnected) {
      bus.manager.consumers.delete(stream, info.name).catch((error: Error) => {
        log.debug(`Left consumer ${info.name} to expire: ${error.message}`);
      });
    }
  }
}

async function* inSequence(
  bus: Bus,
  info: ConsumerInfo,
  messages: ConsumerMessages,
  signal: AbortSignal,
): AsyncGenerator<OrderedItem, void> {
  let delivered = 0;
  let caughtUp = info.num_pending === 0;
  if (caughtUp) yield 'caught-up';
  const iterator = messages[Symbol.asyncIterator]();
  for (;;) {
    const next = iterator.next();
    // What was pending may have been deleted, and then no last message tells that it was the last.
    while (!caughtUp && (await isSlow(next, signal))) {
      const { num_pending, delivered: sent } = await bus.manager.consumers.info(info.stream_name, info.name);
      if (num_pending > 0 || sent.consumer_seq > delivered) continue;
      caughtUp = true;
      yield 'caught-up';
    }
    const { value: message, done } = await next;
    if (done) return;
    delivered += 1;
    if (message.info.deliverySequence !== delivered) return;
    yield message;
    if (!caughtUp && message.info.pending === 0) {
      caughtUp = true;
      yield 'caught-up';
    }
  }
}

async function isSlow(next: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  const arrived = new AbortController();
  const either = AbortSignal.any([arrived.signal, signal]);
  const timer = pause(1_000, either).then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([next.then(() => false), timer]);
  } finally {
    arrived.abort();
  }
}

function configOf({ filter, start, headersOnly = false }: OrderedOptions): ConsumerConfig {
  return {
    name: `reader_${nuid.next()}`,
    filter_subject: filter,
    ack_policy: AckPolicy.None,
    max_deliver: 1,
    mem_storage: true,
    headers_only: headersOnly,
    num_replicas: 1,
    inactive_threshold: nanos(30_000),
    ...(start === 'last-per-subject'
      ? { deliver_policy: DeliverPolicy.LastPerSubject }
      : 'time' in start
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: start.time }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: start.sequence }),
  } as ConsumerConfig;
}
