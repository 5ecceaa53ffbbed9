import { Logger } from '@nestjs/common';
import type { JsMsg } from '@nats-io/jetstream';
import type { Bus } from './connection.ts';
import { isMissing } from './faults.ts';
import { backoffMs, pause } from './retry.ts';

const log = new Logger('Bus');

export interface PullOptions {
  readonly stream: string;
  /** Name of a durable consumer that somebody with the right to has made or will make. */
  readonly consumer: string;
  /** How many messages may be on their way here. */
  readonly maxMessages: number;
  /** Ends the iteration without an error; what had arrived and was not yielded is delivered again. */
  readonly signal: AbortSignal;
}

/** Messages of a durable consumer. Waits while it is missing, and goes on by itself when the server has been away. */
export async function* pull(bus: Bus, options: PullOptions): AsyncGenerator<JsMsg, void> {
  const { stream, consumer: name, maxMessages, signal } = options;
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await bus.whenConnected(signal);
      const consumer = await bus.whileConnected(bus.jetstream.consumers.get(stream, name));
      const messages = await consumer.consume({
        max_messages: maxMessages,
        // Also how long the client waits between looks for a consumer that a restarted server has not yet recovered.
        expires: 5_000,
        // Two missed ones, and the client asks again: a request that was lost on its way delays messages by no more.
        idle_heartbeat: 1_000,
        abort_on_missing_resource: true,
      });
      const stop = () => messages.stop();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        for await (const message of messages) {
          failures = 0;
          yield message;
        }
      } finally {
        signal.removeEventListener('abort', stop);
        stop();
      }
    } catch (error) {
      if (signal.aborted) return;
      // Said once: an agent may well be up before the gateway that makes its consumer.
      if (failures === 1 && isMissing(error)) log.log(`Waiting for consumer ${name} of ${stream}.`);
      else if (!isMissing(error)) log.warn(`Consuming ${name} of ${stream} begins again: ${(error as Error).message}`);
    }
    if (signal.aborted) return;
    await pause(backoffMs(failures, { maxDelayMs: 1_000 }), signal).catch(() => {});
  }
}
