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
 * How often nats-server has read the message out of a stream for somebody, which it marks each time. On a message that was
 * published it is none; any more means that a client had the server send a stored value, as the answer to a read, to a
 * subject that the client may not publish on. What is an echo is nobody's word and must not be believed.
 */
export const echoes = (fields: MsgHdrs | undefined): number => fields?.values('Nats-Stream').length ?? 0;

export const isEcho = (fields: MsgHdrs | undefined): boolean => echoes(fields) > 0;
