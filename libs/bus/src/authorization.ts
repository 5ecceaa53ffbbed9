import {
  buckets,
  consumers,
  identifyAgent,
  keys,
  streams,
  subjects,
  type EventReader,
  type HostId,
} from '@polyvirt/contracts';
import { agentFeeds, agentFlows, coreApi as api, subscriberFlows } from './authority/flows.ts';
import { bucketStream, bucketSubject } from './bucket-names.ts';

/** Somebody who may use the bus. */
export type BusService =
  | { readonly service: 'admin' | 'gateway' | 'organizer' }
  | { readonly service: 'agent'; readonly host: HostId; readonly join?: string | undefined }
  | ({ readonly service: 'subscriber' } & EventReader);

/** Subjects with wildcards, in the account of the user; what is not listed is refused. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer a message it has received, once. */
  readonly replies: boolean;
}

/** User name of an agent on the bus. */
export const agentUser = (host: HostId) => `agent-${host}`;

export function userNameOf(service: BusService): string {
  if (service.service === 'agent') return agentUser(service.host);
  return service.service === 'subscriber' ? `subscriber-${service.id}` : service.service;
}

/** Replies come back below a prefix of the user's own, so that nobody else may listen to them. */
export const inboxPrefix = (user: string) => `_INBOX.${user}`;

/**
 * What the user of a service may do within its account. What an account may say to another its imports decide; for agents and
 * subscribers this is the second fence.
 */
export function permissionsOf(service: BusService, user: string): Permissions {
  const inbox = `${inboxPrefix(user)}.>`;
  switch (service.service) {
    case 'admin':
      return { publish: ['>'], subscribe: ['>'], replies: true };
    case 'gateway':
      return { publish: gatewayPublishes, subscribe: [inbox, ...gatewayHears], replies: true };
    case 'organizer':
      return {
        publish: [
          ...durable(streams.events.name, consumers.organizer),
          subjects.event('*', 'archive.updated'),
          ...pulseOf('organizer'),
        ],
        subscribe: [inbox],
        replies: false,
      };
    case 'agent':
      return {
        publish: [
          ...agentFlows(service.host).map(({ local }) => local),
          subjects.query(service.host, identifyAgent.name),
        ],
        subscribe: [inbox, ...agentFeeds(service.host), subjects.heartbeat(service.host)],
        replies: true,
      };
    case 'subscriber':
      return { publish: subscriberFlows(service).map(({ local }) => local), subscribe: [inbox], replies: false };
  }
}

/** What the user of a durable consumer that exists needs; it may neither make nor change one. */
const durable = (stream: string, consumer: string) => [
  `${api}.CONSUMER.INFO.${stream}.${consumer}`,
  `${api}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  `$JS.ACK.${stream}.${consumer}.>`,
];

const ownStreams = [
  ...Object.values(streams).map(({ name }) => name),
  ...Object.values(buckets).map(({ name }) => bucketStream(name)),
];

/** What has something of a host that goes when the host is removed. */
const streamsOfHosts = [
  streams.commands.name,
  ...[buckets.inventory, buckets.hosts, buckets.journal, buckets.index].map(({ name }) => bucketStream(name)),
];

/** What a service needs to store its pulse and to read it back. */
const pulseOf = (service: string) => {
  const subject = bucketSubject(buckets.pulse.name, keys.pulse(service));
  return [subject, `${api}.DIRECT.GET.${bucketStream(buckets.pulse.name)}.${subject}`];
};

/** The gateway keeps the topology, so it may do to our streams what that takes, and nothing to others. */
const gatewayPublishes = [
  `${api}.INFO`,
  ...ownStreams.flatMap((stream) => [
    `${api}.STREAM.CREATE.${stream}`,
    `${api}.STREAM.UPDATE.${stream}`,
    `${api}.STREAM.INFO.${stream}`,
    `${api}.STREAM.MSG.GET.${stream}`,
    `${api}.DIRECT.GET.${stream}.>`,
    `${api}.CONSUMER.CREATE.${stream}.>`,
    `${api}.CONSUMER.INFO.${stream}.*`,
    `${api}.CONSUMER.DELETE.${stream}.*`,
    `${api}.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.ACK.${stream}.>`,
  ]),
  `${api}.STREAM.MSG.DELETE.${streams.commands.name}`,
  // What the streams have of a host that is removed, and of keys that were deleted long ago.
  ...streamsOfHosts.map((stream) => `${api}.STREAM.PURGE.${stream}`),
  subjects.commands,
  subjects.queriesOf('*'),
  subjects.events,
  subjects.consoleUp('*', '*'),
  // The gateway ends an operation that no agent has begun by making its key first.
  bucketSubject(buckets.journal.name, '>'),
  bucketSubject(buckets.index.name, '>'),
  ...pulseOf('gateway'),
  // Every stream is asked whether it still answers.
  subjects.untakenOf(subjects.rollups),
  ...Object.values(buckets).map(({ name }) => subjects.untakenOf(bucketSubject(name, '>'))),
];

const gatewayHears = [
  subjects.metrics('*'),
  subjects.heartbeat('*'),
  subjects.consoleDown('*', '*'),
  subjects.answer('*', '*'),
  subjects.membership('*', 'renew'),
  subjects.membership('*', 'leave'),
];
