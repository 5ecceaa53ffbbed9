import { Logger } from '@nestjs/common';
import { agentEvents, CloudEvent, foreignIdIn, subjects, type EventDefinition, type HostId } from '@polyvirt/contracts';
import type { z } from 'zod';
import type { Bus } from './connection.ts';
import { store, type PublishOptions, type Stored } from './publish.ts';
import { traceparent } from './trace.ts';
import { decodeJson, encodeJson, isEcho } from './wire.ts';
import type { MsgHdrs } from '@nats-io/transport-node';

const log = new Logger('Bus');

export interface EventFields<Data> {
  /** The same however often the event is published. */
  readonly id: string;
  /** `/hosts/<host>`, with `/agent`, `/gateway` or `/organizer` behind it. */
  readonly source: string;
  /** Id of the VM, host or operation it is about. */
  readonly subject: string;
  /** RFC 3339; now, when absent. */
  readonly time?: string;
  readonly data: Data;
}

/** Puts something that happened into its envelope. */
export function makeEvent<Name extends string, Body extends z.ZodType>(
  definition: EventDefinition<Name, Body>,
  { id, source, subject, time, data }: EventFields<z.output<Body>>,
): CloudEvent<z.output<Body>> {
  const trace = traceparent();
  return {
    specversion: '1.0',
    id,
    source,
    type: definition.name,
    subject,
    time: time ?? new Date().toISOString(),
    datacontenttype: 'application/json',
    ...(trace && { traceparent: trace }),
    data,
  };
}

const ofAgents: ReadonlySet<string> = new Set(agentEvents.map(({ name }) => name));

/** Publishes until the stream has it. An event that was published before under its id is not stored again. */
export async function publishEvent(
  bus: Bus,
  host: HostId,
  event: CloudEvent,
  options: PublishOptions = {},
): Promise<Stored> {
  // What agents may not publish, they may not keep others from publishing either.
  const messageId = ofAgents.has(event.type) ? bus.messageId(host, event.id) : bus.ownMessageId(event.id);
  return store(bus, subjects.event(host, event.type), encodeJson(event), { ...options, messageId });
}

/** Whether an event is one of this definition, its body included. */
export const isEvent = <Name extends string, Body extends z.ZodType>(
  definition: EventDefinition<Name, Body>,
  event: CloudEvent,
): event is CloudEvent<z.output<Body>> =>
  event.type === definition.name && definition.body.safeParse(event.data).success;

/** An event as the stream keeps it. */
export interface StoredEvent {
  /** The cursor: every event has a higher one than those before it. */
  readonly sequence: number;
  readonly host: HostId;
  readonly event: CloudEvent;
}

/** Undefined, and a line in the log, for what is no event. */
export function decodeEvent(message: {
  readonly subject: string;
  readonly seq: number;
  readonly data: Uint8Array;
  readonly headers?: MsgHdrs | undefined;
}): StoredEvent | undefined {
  // polyvirt.v1.event.<host>.<type>
  const host = message.subject.split('.')[3] ?? '';
  try {
    const event = CloudEvent.parse(decodeJson(message.data)) as CloudEvent;
    if (isEcho(message.headers)) throw new Error('it was not published by a service');
    if (subjects.event(host, event.type) !== message.subject) throw new Error(`its type is ${event.type}`);
    const foreign = foreignIdIn(event, host);
    if (foreign !== undefined) throw new Error(foreign);
    return { sequence: message.seq, host, event };
  } catch (error) {
    log.error(`Passed over message ${message.seq} on ${message.subject}: ${(error as Error).message}`);
    return undefined;
  }
}
