import { Logger } from '@nestjs/common';
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import {
  buckets,
  commandConsumer,
  consumers,
  duplicateWindowSeconds,
  streams,
  subjects,
  type HostId,
} from '@polyvirt/contracts';
import { bucketStream, bucketSubject } from './bucket-names.ts';
import type { Bus } from './connection.ts';
import { forgetDeletedKeys } from './deleted-keys.ts';
import { ensureIndex } from './make-index.ts';
import { served } from './served.ts';

const log = new Logger('Bus');

/** A command that nobody has acknowledged for so long is delivered again. */
export const commandAckWaitMs = 15_000;
/** The same for what the processes of a service share; while one deals with it, it says so more often. */
export const sharedAckWaitMs = 5_000;
/** Commands of a host that run at the same time; the rest wait on the bus. */
export const commandsInFlight = 256;

/** How long a bucket without an age remembers that a key was deleted. */
const forgetAfterMs = 24 * 3_600_000;

/** Error codes of JetStream: something of that name exists with another configuration. */
const streamNameInUse = 10_058;
const consumerExists = 10_148;

export interface TopologyOptions {
  /** Hosts that are known by now; for others `ensureCommandConsumer` is called when they turn up. */
  readonly hosts?: readonly HostId[];
  /** Copies of each stream in a cluster. */
  readonly replicas?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes or updates every stream, bucket and durable consumer. May be called by several processes at once and as often
 * as they like; needs the credential of the gateway or the administrator.
 */
export async function ensureTopology(
  bus: Bus,
  { hosts = [], replicas = 1, signal }: TopologyOptions = {},
): Promise<void> {
  const make = async () => {
    for (const config of streamConfigs(replicas)) await ensureStream(bus, config);
    await ensureConsumer(bus, streams.events.name, {
      durable_name: consumers.organizer,
      filter_subject: subjects.eventsAbout('vm'),
      ack_wait: nanos(sharedAckWaitMs),
      // One at a time: an event that is refused holds the ones behind it back, so that they stay in order.
      max_ack_pending: 1,
    });
    await ensureConsumer(bus, streams.rollups.name, {
      durable_name: consumers.rollups,
      filter_subject: subjects.rollups,
      ack_wait: nanos(sharedAckWaitMs),
      max_ack_pending: 256,
    });
    for (const host of hosts) await ensureConsumer(bus, streams.commands.name, commandConsumerConfig(host));
  };
  await served(bus, make, { signal, what: 'making the streams' });
  await ensureIndex(bus, signal);
  await tidy(bus, signal);
  for (const host of hosts) hostsWithConsumer(bus).add(host);
}

/** What is not tidied up now will be the next time. */
async function tidy(bus: Bus, signal: AbortSignal = new AbortController().signal): Promise<void> {
  try {
    await forgetDeletedKeys(bus, bucketStream(buckets.inventory.name), { olderThanMs: forgetAfterMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`Deleted keys were not forgotten: ${(error as Error).message}`);
  }
}

const provided = new WeakMap<Bus, Set<HostId>>();

function hostsWithConsumer(bus: Bus): Set<HostId> {
  let hosts = provided.get(bus);
  if (!hosts) {
    const fresh = new Set<HostId>();
    provided.set(bus, (hosts = fresh));
    // The server may have come back with an empty store.
    bus.onReconnect(() => fresh.clear());
  }
  return hosts;
}

/**
 * Makes the durable consumer of a host's commands. Agents may not do it themselves: a client that may make consumers
 * can have the server copy messages to any subject.
 */
export async function ensureCommandConsumer(bus: Bus, host: HostId, signal?: AbortSignal): Promise<void> {
  const known = hostsWithConsumer(bus);
  if (known.has(host)) return;
  const make = () => ensureConsumer(bus, streams.commands.name, commandConsumerConfig(host));
  await served(bus, make, { signal, what: `making the consumer of ${host}` });
  known.add(host);
}

/** It was deleted, and has to be made anew if the host comes back. */
export const forgetCommandConsumer = (bus: Bus, host: HostId): void => void hostsWithConsumer(bus).delete(host);

const commandConsumerConfig = (host: HostId) => ({
  durable_name: commandConsumer(host),
  filter_subject: subjects.commandsOf(host),
  ack_wait: nanos(commandAckWaitMs),
  max_ack_pending: commandsInFlight,
});

function streamConfigs(replicas: number): Array<Partial<StreamConfig> & { name: string }> {
  const stored = { storage: StorageType.File, num_replicas: replicas };
  return [
    ...Object.values(streams).map(({ name, subjects, retention, maxAgeSeconds }) => ({
      ...stored,
      name,
      subjects: [...subjects],
      retention: retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_age: nanos(maxAgeSeconds * 1_000),
      duplicate_window: nanos(duplicateWindowSeconds * 1_000),
    })),
    ...Object.values(buckets).map((bucket) => ({
      ...stored,
      name: bucketStream(bucket.name),
      subjects: [bucketSubject(bucket.name, '>')],
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_msgs_per_subject: bucket.history,
      max_age: 'maxAgeSeconds' in bucket ? nanos(bucket.maxAgeSeconds * 1_000) : 0,
      duplicate_window: nanos(bucketDuplicateWindowMs),
      allow_direct: true,
      // With roll-ups, whoever may write one key could empty the bucket by a header.
      allow_rollup_hdrs: false,
    })),
  ];
}

/** Longer than any attempt to write a key goes on being repeated after its answer was lost. */
const bucketDuplicateWindowMs = 120_000;

async function ensureStream(bus: Bus, config: Partial<StreamConfig> & { name: string }): Promise<void> {
  try {
    await bus.manager.streams.add(config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== streamNameInUse) throw error;
    await bus.manager.streams.update(config.name, config);
  }
}

/** Makes what {@link takePulse} needs, for whoever looks at a server on which there is nothing else yet. */
export async function ensurePulse(bus: Bus, signal?: AbortSignal): Promise<void> {
  const config = streamConfigs(1).find(({ name }) => name === bucketStream(buckets.pulse.name))!;
  await served(bus, () => ensureStream(bus, config), { signal, what: 'making the bucket of the pulse' });
}

type Durable = Partial<ConsumerConfig> & { durable_name: string };

export async function ensureConsumer(bus: Bus, stream: string, config: Durable): Promise<void> {
  try {
    await bus.manager.consumers.add(stream, {
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      max_deliver: -1,
      ...config,
    });
  } catch (error) {
    // nats-server 2.9 takes this for an update; later versions want to be asked for one.
    if (!(error instanceof JetStreamApiError) || error.code !== consumerExists) throw error;
    await bus.manager.consumers.update(stream, config.durable_name, config);
  }
}
