import type { JetStreamPublishOptions } from '@nats-io/jetstream';
import { subjects, type Command, type MinuteRollup } from '@polyvirt/contracts';
import type { Bus } from './connection.ts';
import { inParts } from './parts.ts';
import { served } from './served.ts';
import { ensureCommandConsumer } from './topology.ts';
import { encodeJson, messageHeaders } from './wire.ts';

/** How long one attempt waits for the server to say that it has stored the message. */
const ackTimeoutMs = 2_000;

export interface PublishOptions {
  /** Gives up; without one, a publication is tried until the server has it. */
  readonly signal?: AbortSignal | undefined;
}

/** Where the stream keeps a message. */
export interface Stored {
  readonly sequence: number;
  /** Whether the server had stored it before under the same id. */
  readonly duplicate: boolean;
}

/**
 * Sends a command to the agent of its host. The id of the operation is the id of the message, so that a command may be
 * sent again after a crash.
 */
export async function publishCommand(bus: Bus, command: Command, options: PublishOptions = {}): Promise<Stored> {
  await ensureCommandConsumer(bus, command.host, options.signal);
  return store(bus, subjects.command(command.host, command.verb), encodeJson(command), {
    ...options,
    // Nobody but gateways publishes commands.
    messageId: command.operationId,
  });
}

/**
 * Sends one minute of a host to whoever keeps the charts, in as many messages as it takes. The same VMs in the same order make the
 * same messages, each of which the stream keeps once; a VM that comes twice counts once.
 */
export async function publishRollup(bus: Bus, rollup: MinuteRollup, options: PublishOptions = {}): Promise<Stored[]> {
  const { host, minute, vms } = rollup;
  const stored: Stored[] = [];
  for (const payload of inParts(bus, vms, (part) => ({ ...rollup, vms: part }))) {
    const id = stored.length === 0 ? `${host}:${minute}` : `${host}:${minute}:${stored.length}`;
    stored.push(await store(bus, subjects.rollup(host), payload, { ...options, messageId: bus.messageId(host, id) }));
  }
  return stored;
}

export interface StoreOptions extends PublishOptions {
  /** The server stores a message once per id within the duplicate window. */
  readonly messageId: string;
  readonly expect?: JetStreamPublishOptions['expect'];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Publishes until a stream has acknowledged it. Throws what another attempt would not mend. */
export async function store(
  bus: Bus,
  subject: string,
  payload: Uint8Array,
  { signal, messageId, expect, headers }: StoreOptions,
): Promise<Stored> {
  return served(
    bus,
    async () => {
      const { seq, duplicate } = await bus.jetstream.publish(subject, payload, {
        msgID: messageId,
        timeout: ackTimeoutMs,
        headers: messageHeaders(headers),
        ...(expect && { expect }),
      });
      return { sequence: seq, duplicate };
    },
    { signal, what: `publishing on ${subject}` },
  );
}
