import { randomUUID } from 'node:crypto';

const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

declare module 'fastify' {
  interface FastifyRequest {
    readonly clientRequestId: string | undefined;
  }
}

/** What a client calls its request, when that is fit for logs and the audit. */
export function clientRequestIdFrom(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && requestIdPattern.test(header) ? header : undefined;
}

/** W3C trace context: our span within the trace of the caller, or a trace of our own. */
export function traceparentFrom(header: string | string[] | undefined): string {
  const match = typeof header === 'string' ? traceparentPattern.exec(header) : null;
  const span = randomHex().slice(0, 16);
  return match ? `00-${match[1]}-${span}-${match[2]}` : `00-${randomHex()}-${span}-01`;
}

/** 32 digits. Node keeps random bytes for UUIDs ready, which asking for a few bytes at a time does not do. */
const randomHex = (): string => randomUUID().replaceAll('-', '');
