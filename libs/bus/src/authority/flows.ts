import {
  agentEvents,
  buckets,
  commandConsumer,
  keys,
  streams,
  subjects,
  subscriberConsumers,
  type HostId,
} from '@polyvirt/contracts';
import { bucketStream, bucketSubject } from '../bucket-names.ts';

/** A subject that messages of an account take into CORE. */
export interface Flow {
  /** As CORE knows it. */
  readonly subject: string;
  /** As the account knows it, where that is something else. */
  readonly local: string;
  /** A request for messages is answered by many. */
  readonly answers: 'one' | 'many';
}

/** Where CORE has the API of JetStream. */
export const coreApi = '$JS.API';
/** Where the other accounts have it: a server takes what is sent to `$JS.API` for the JetStream of the sender's own account. */
export const importedApi = 'JS.core.API';

const flow = (subject: string, answers: Flow['answers'] = 'one'): Flow => ({ subject, local: subject, answers });
const apiFlow = (call: string, answers: Flow['answers'] = 'one'): Flow => ({
  subject: `${coreApi}.${call}`,
  local: `${importedApi}.${call}`,
  answers,
});

/** What the user of a durable consumer that exists needs; it may neither make nor change one. */
const durableFlows = (stream: string, consumer: string): Flow[] => [
  apiFlow(`CONSUMER.INFO.${stream}.${consumer}`),
  apiFlow(`CONSUMER.MSG.NEXT.${stream}.${consumer}`, 'many'),
  flow(`$JS.ACK.${stream}.${consumer}.>`),
];

const readOf = (bucket: string, key: string): Flow =>
  apiFlow(`DIRECT.GET.${bucketStream(bucket)}.${bucketSubject(bucket, key)}`);

/**
 * Everything that the agent of a host may say to CORE, `*` standing for any. It may not make consumers: in the request
 * stands the subject that the server delivers to, which nobody checks. Nor may it ask what a stream holds, as the answer
 * names the keys of all hosts: it reads its own keys one by one.
 */
export function agentFlows(host: HostId | '*'): Flow[] {
  const ownKeys = [
    { bucket: buckets.inventory.name, key: keys.vmsOf(host) },
    { bucket: buckets.hosts.name, key: keys.host(host) },
    { bucket: buckets.journal.name, key: keys.journalOf(host) },
    { bucket: buckets.index.name, key: keys.indexesOf(host) },
    { bucket: buckets.pulse.name, key: keys.pulseOfAgent(host) },
  ];
  return [
    ...durableFlows(streams.commands.name, host === '*' ? '*' : commandConsumer(host)),
    ...agentEvents.map(({ name }) => flow(subjects.event(host, name))),
    flow(subjects.metrics(host)),
    flow(subjects.rollup(host)),
    flow(subjects.heartbeat(host)),
    flow(subjects.consoleDown(host, '*')),
    flow(subjects.answer(host, '*')),
    flow(subjects.membership(host, 'renew')),
    flow(subjects.membership(host, 'leave')),
    ...(host === '*' ? [] : [readOf(buckets.index.name, keys.indexed)]),
    ...ownKeys.flatMap(({ bucket, key }) => [flow(bucketSubject(bucket, key)), readOf(bucket, key)]),
  ];
}

/** What CORE sends to a host. */
export const agentFeeds = (host: HostId | '*'): string[] => [subjects.queriesOf(host), subjects.consoleUp(host, '*')];

/** Everything that a program which reads events may say to CORE. */
export const subscriberFlows = (subscriber: { readonly id: string; readonly hosts?: readonly HostId[] | undefined }) =>
  subscriberConsumers(subscriber).flatMap(({ name }) => durableFlows(streams.events.name, name));

export const anySubscriberFlows = durableFlows(streams.events.name, '*');
