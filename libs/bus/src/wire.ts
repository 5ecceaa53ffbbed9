import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { traceHeader, traceparent } from './trace.ts';

/** Carries the code of the problem that the body of a reply is. */
export const problemHeader = 'Polyvirt-Problem';
export const requestIdHeader = 'Polyvirt-Request-Id';

/** Headers of an outgoing message: the trace the sender runs in, and what is given. */
export function messageHeaders(fields: Readonly<Record<string, string | undefined>> = {}): MsgHdrs {
  const result = headers();
  const trace = traceparent();
  if (trace) result.set(traceHeader, trace);
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) result.set(name, value);
  return result;
}

export const encodeJson = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Throws a SyntaxError or, for bytes that are no UTF-8, a TypeError. */
export const decodeJson = (data: Uint8Array): unknown =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));

/**
 * nats-server marks what it read out of a stream for somebody. Found on a message that came through a stream or bucket,
 * it means that a client had the server send a stored value to a subject the client may not publish on.
 */
export const isEcho = (fields: MsgHdrs | undefined): boolean => fields?.has('Nats-Stream') ?? false;
