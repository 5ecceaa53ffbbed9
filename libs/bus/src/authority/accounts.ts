import type { Export, Import } from '@nats-io/jwt';
import { subjects, type EventReader, type HostId } from '@polyvirt/contracts';
import { agentFeeds, agentFlows, anySubscriberFlows, subscriberFlows, type Flow } from './flows.ts';
import type { AccountClaims } from './jwt.ts';

/**
 * Every kind of account imports from CORE, and CORE from none: a host is added, changed and removed without a word to it.
 * Only the operator signs accounts, so that none can widen what it imports.
 */

const exportOf = ({ subject, answers }: Flow): Export => ({
  name: subject,
  subject,
  type: 'service',
  response_type: answers === 'many' ? 'Stream' : 'Singleton',
});

const importOf =
  (core: string) =>
  ({ subject, local }: Flow): Import => ({
    name: subject,
    subject,
    type: 'service',
    account: core,
    ...(local !== subject && { local_subject: local }),
  });

/** Where JetStream is, with every stream. */
export const coreClaims = (name: string): AccountClaims => ({
  name,
  exports: [
    ...new Map([...agentFlows('*'), ...anySubscriberFlows].map((flow) => [flow.subject, exportOf(flow)])).values(),
    ...agentFeeds('*').map((subject): Export => ({ name: subject, subject, type: 'stream' })),
  ],
  limits: { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
});

/**
 * The account that looks after the others. It imports something of no use from CORE, so that the server loads CORE before it
 * takes clients: nats-server 2.9 that has to load it for several clients at once leaves some hosts with imports that lead
 * nowhere, for as long as it runs.
 */
export const systemClaims = (core: string): AccountClaims => ({
  name: 'SYS',
  imports: [importOf(core)({ subject: subjects.heartbeat('_'), local: subjects.heartbeat('_'), answers: 'one' })],
});

/** How many connections a host may have: its agent, one that comes to relieve it, and one that is refused as a second. */
const hostConnections = 4;
/** A session of a console takes one, an agent else about ten. */
const hostSubscriptions = 4_096;
/** Bytes of one message. */
export const longestMessageBytes = 1_024 * 1_024;

export interface HostAccountOptions {
  /** A host that is cut off may not have a connection. */
  readonly isCutOff?: boolean | undefined;
  /** By which of its joins it is in the account; absent for a host that has its credential from whoever starts it. */
  readonly join?: string | undefined;
}

export const hostClaims = (
  name: string,
  host: HostId,
  core: string,
  { isCutOff = false }: HostAccountOptions = {},
): AccountClaims => ({
  name,
  imports: [
    ...agentFlows(host).map(importOf(core)),
    ...agentFeeds(host).map((subject): Import => ({ name: subject, subject, type: 'stream', account: core })),
  ],
  limits: {
    conn: isCutOff ? 0 : hostConnections,
    subs: hostSubscriptions,
    payload: longestMessageBytes,
    exports: 0,
  },
});

export const subscriberClaims = (name: string, subscriber: EventReader, core: string): AccountClaims => ({
  name,
  imports: subscriberFlows(subscriber).map(importOf(core)),
  limits: { conn: 8, subs: 256, payload: 64 * 1_024, exports: 0 },
});
