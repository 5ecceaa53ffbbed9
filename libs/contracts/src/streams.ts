import type { HostId } from './ids.ts';
import { subjects } from './subjects.ts';

const hour = 3_600;
const day = 24 * hour;

/** Streams of the bus; ages are seconds. Design section 3. */
export const streams = {
  commands: { name: 'POLYVIRT_COMMANDS', subjects: [subjects.commands], retention: 'workqueue', maxAgeSeconds: day },
  events: { name: 'POLYVIRT_EVENTS', subjects: [subjects.events], retention: 'limits', maxAgeSeconds: 30 * day },
  rollups: { name: 'POLYVIRT_ROLLUPS', subjects: [subjects.rollups], retention: 'workqueue', maxAgeSeconds: 7 * day },
} as const;

/** KV buckets of the bus; a bucket without an age keeps its last values for ever. */
export const buckets = {
  inventory: { name: 'polyvirt_inventory', history: 1 },
  hosts: { name: 'polyvirt_hosts', history: 1 },
  journal: { name: 'polyvirt_journal', history: 1, maxAgeSeconds: 7 * day },
  /** Which keys a host has in the others. An agent reads it, as it may not ask what a bucket holds of all hosts. */
  index: { name: 'polyvirt_index', history: 1 },
  /** What services store and read back to know that the bus stores anything, one key each. */
  pulse: { name: 'polyvirt_pulse', history: 1, maxAgeSeconds: hour },
} as const;

/**
 * How long the server remembers message ids, in seconds. It covers the time in which a gateway or an agent that was
 * killed between publishing and noting it publishes again.
 */
export const duplicateWindowSeconds = 10 * 60;

/** Name of the one durable consumer of a host's commands. */
export const commandConsumer = (host: string) => `agent_${host}`;

/** Durable consumers that several processes of one service share. */
export const consumers = { organizer: 'organizer', rollups: 'gateway_rollups' } as const;

/** A program that reads events: all of them, or those of some hosts. */
export interface EventReader {
  readonly id: string;
  readonly hosts?: readonly HostId[] | undefined;
}

/** The durable consumers of such a program, one for each host if it is limited to some, and what each is given. */
export const subscriberConsumers = ({ id, hosts }: EventReader): { name: string; filter: string }[] =>
  hosts === undefined
    ? [{ name: `subscriber_${id}`, filter: subjects.events }]
    : hosts.map((host) => ({ name: `subscriber_${id}_${host}`, filter: subjects.eventsOf(host) }));
