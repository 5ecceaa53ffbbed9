import {
  buckets,
  commandConsumer,
  consumers,
  identifyAgent,
  keys,
  streams,
  subjects,
  type HostId,
} from '@polyvirt/contracts';
import { inboxPrefix } from './connection.ts';
import { bucketStream, bucketSubject } from './topology.ts';

/** Somebody who may use the bus. */
export type BusService =
  | { readonly service: 'admin' | 'gateway' | 'organizer'; readonly password: string }
  | { readonly service: 'agent'; readonly host: HostId; readonly password: string };

export interface BusUser {
  readonly user: string;
  readonly password: string;
  readonly permissions: Permissions;
}

/** Subjects with wildcards; what is not listed is refused. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer a message it has received, once. */
  readonly replies: boolean;
}

/** User name of an agent on the bus. */
export const agentUser = (host: HostId) => `agent-${host}`;

/** `prefix` goes in front of every user name: those of a server are unique, also over its accounts. */
export const authorizationFor = (services: readonly BusService[], prefix = ''): BusUser[] =>
  services.map((service) => {
    const user = prefix + (service.service === 'agent' ? agentUser(service.host) : service.service);
    return { user, password: service.password, permissions: permissionsOf(service, user) };
  });

/** The `authorization` block of a nats-server configuration file. Passwords are in it: mode 0600. */
export const renderAuthorization = (users: readonly BusUser[]): string =>
  ['authorization {', renderUsers(users), '}', ''].join('\n');

/** The users of such a block, or of an account. */
export function renderUsers(users: readonly BusUser[]): string {
  const lines = users.map(({ user, password, permissions: { publish, subscribe, replies } }) => {
    const fields = [
      `publish: { allow: ${list(publish)} }`,
      `subscribe: { allow: ${list(subscribe)} }`,
      ...(replies ? ['allow_responses: { max: 1, expires: "1m" }'] : []),
    ];
    return [
      '    {',
      `      user: ${quote(user)}`,
      `      password: ${quote(password)}`,
      '      permissions: {',
      ...fields.map((field) => `        ${field}`),
      '      }',
      '    }',
    ].join('\n');
  });
  return ['  users: [', ...lines, '  ]'].join('\n');
}

const quote = (text: string) => JSON.stringify(text);
const list = (subjects: readonly string[]) => `[${subjects.map(quote).join(', ')}]`;

function permissionsOf(service: BusService, user: string): Permissions {
  const inbox = `${inboxPrefix(user)}.>`;
  switch (service.service) {
    case 'admin':
      return { publish: ['>'], subscribe: ['>'], replies: true };
    case 'gateway':
      return { publish: gatewayPublishes, subscribe: [inbox, ...gatewayHears], replies: true };
    case 'organizer':
      return {
        publish: [...durable(streams.events.name, consumers.organizer), subjects.event('*', 'archive.updated')],
        subscribe: [inbox],
        replies: false,
      };
    case 'agent':
      return agentPermissions(service.host, inbox);
  }
}

const api = '$JS.API';

/** What the user of a durable consumer that exists needs; it may neither make nor change one. */
const durable = (stream: string, consumer: string) => [
  `${api}.CONSUMER.INFO.${stream}.${consumer}`,
  `${api}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  `$JS.ACK.${stream}.${consumer}.>`,
];

/**
 * An agent may not make consumers: in the request stands the subject that the server delivers to, which nobody checks.
 * It reads its own keys one by one, by a subject that permissions can hold it to.
 */
function agentPermissions(host: HostId, inbox: string): Permissions {
  const ownKeys = [
    { bucket: buckets.inventory.name, key: keys.vmsOf(host) },
    { bucket: buckets.hosts.name, key: keys.host(host) },
    { bucket: buckets.journal.name, key: keys.journalOf(host) },
  ];
  return {
    publish: [
      ...durable(streams.commands.name, commandConsumer(host)),
      subjects.eventsOf(host),
      subjects.metrics(host),
      subjects.rollup(host),
      subjects.heartbeat(host),
      subjects.consoleDown(host, '*'),
      subjects.query(host, identifyAgent.name),
      ...ownKeys.flatMap(({ bucket, key }) => [
        bucketSubject(bucket, key),
        `${api}.DIRECT.GET.${bucketStream(bucket)}.${bucketSubject(bucket, key)}`,
        `${api}.STREAM.INFO.${bucketStream(bucket)}`,
      ]),
    ],
    subscribe: [inbox, subjects.queriesOf(host), subjects.heartbeat(host), subjects.consoleUp(host, '*')],
    replies: true,
  };
}

const ownStreams = [
  ...Object.values(streams).map(({ name }) => name),
  ...Object.values(buckets).map(({ name }) => bucketStream(name)),
];

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
  `${api}.STREAM.PURGE.${bucketStream(buckets.inventory.name)}`,
  subjects.commands,
  subjects.queriesOf('*'),
  subjects.events,
  subjects.consoleUp('*', '*'),
  // The gateway ends an operation that no agent has begun by making its key first.
  bucketSubject(buckets.journal.name, '>'),
];

const gatewayHears = [subjects.metrics('*'), subjects.heartbeat('*'), subjects.consoleDown('*', '*')];
