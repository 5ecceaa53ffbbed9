import type { ServerOptions } from 'node:http';

/** Connections whose time is over are looked for so many times within it. */
const looks = 12;

/** Whoever sends a request one byte at a time holds a connection for no longer than this, and a little. For every server that listens. */
export const connectionTimes = (requestWithinMs: number) =>
  ({
    requestTimeout: requestWithinMs,
    connectionsCheckingInterval: Math.ceil(requestWithinMs / looks),
  }) satisfies ServerOptions;
