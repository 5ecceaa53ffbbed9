import { Logger } from '@nestjs/common';
import { foreignIdOf, type HostId } from '@polyvirt/contracts';
import type { z } from 'zod';
import type { Bus } from './connection.ts';
import { inParts } from './parts.ts';
import { runInTrace, traceHeader } from './trace.ts';
import { decodeJson, encodeJson, isEcho, messageHeaders } from './wire.ts';

const log = new Logger('Bus');

/** Listening, until it is closed. It survives reconnections. */
export interface Listener {
  close(): void;
}

/** Tells whoever listens now; nobody keeps it. For heartbeats and metrics. */
export function broadcast(bus: Bus, subject: string, value: unknown): void {
  if (!bus.isClosing) bus.connection.publish(subject, encodeJson(value), { headers: messageHeaders() });
}

/** The same of a list, in as many messages as it takes; `wrap` makes the value that a part of it is sent as. */
export function broadcastAll<Item>(
  bus: Bus,
  subject: string,
  items: readonly Item[],
  wrap: (part: readonly Item[]) => unknown,
): void {
  if (bus.isClosing) return;
  for (const payload of inParts(bus, items, wrap))
    bus.connection.publish(subject, payload, { headers: messageHeaders() });
}

/** `polyvirt.v1.<kind>.<host>…`; the bus vouches for it. */
const hostOf = (subject: string): HostId => subject.split('.')[3] ?? '';

/** Calls back with every value that is valid and speaks of no other host than its subject; others leave a line in the log. */
export function listen<Schema extends z.ZodType>(
  bus: Bus,
  subject: string,
  schema: Schema,
  heard: (value: z.output<Schema>, subject: string) => void,
): Listener {
  const subscription = bus.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error) {
        log.error(`Cannot listen to ${subject}: ${error.message}`);
        return;
      }
      try {
        if (isEcho(message.headers)) throw new Error('it was not published by a service');
        const value = schema.parse(decodeJson(message.data));
        const foreign = foreignIdOf(schema, value, hostOf(message.subject));
        if (foreign !== undefined) throw new Error(foreign);
        runInTrace(message.headers?.get(traceHeader), () => heard(value, message.subject));
      } catch (fault) {
        log.error(`Passed over a message on ${message.subject}: ${(fault as Error).message}`);
      }
    },
  });
  return { close: () => subscription.unsubscribe() };
}

/** Sends bytes as they are; at most what one message may hold, 1 MiB by default. For consoles. */
export function sendBytes(bus: Bus, subject: string, bytes: Uint8Array): void {
  if (!bus.isClosing) bus.connection.publish(subject, bytes);
}

/** Calls back with the bytes of every message, in the order they were sent. */
export function listenToBytes(bus: Bus, subject: string, heard: (bytes: Uint8Array) => void): Listener {
  const subscription = bus.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error) log.error(`Cannot listen to ${subject}: ${error.message}`);
      else if (!isEcho(message.headers)) heard(message.data);
    },
  });
  return { close: () => subscription.unsubscribe() };
}
