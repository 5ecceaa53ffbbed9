import type { Host } from './client.ts';

/**
 * Since when a host was heard matters only of one that is silent. Of the others it is another time in every answer, for which every
 * card and every row of their machines would be drawn again.
 */
export const withoutBeats = (hosts: readonly Host[]): Host[] =>
  hosts.map(({ lastSeenAt, ...host }) => ({
    ...host,
    ...(host.state === 'offline' && lastSeenAt !== undefined && { lastSeenAt }),
  }));
