import { buckets, commandConsumer, keys, streams, subjects, type HostId } from '@polyvirt/contracts';
import { bucketStream, bucketSubject } from './bucket-names.ts';
import type { Bus } from './connection.ts';
import { isMissing } from './faults.ts';
import { served } from './served.ts';
import { forgetCommandConsumer } from './topology.ts';

/** What there is of a host, by stream. */
const subjectsOf = (host: HostId): readonly (readonly [stream: string, filter: string])[] => [
  [streams.commands.name, subjects.commandsOf(host)],
  ...(
    [
      [buckets.inventory, keys.vmsOf(host)],
      [buckets.journal, keys.journalOf(host)],
      [buckets.index, keys.indexesOf(host)],
      [buckets.hosts, keys.host(host)],
    ] as const
  ).map(([{ name }, key]) => [bucketStream(name), bucketSubject(name, key)] as const),
];

/**
 * Takes everything of a host off the bus but its events. Whoever watches a bucket is not told. Does the rest when it is repeated
 * after it was cut off. The host must not have an account any more, or its agent writes it all again.
 */
export async function forgetHost(bus: Bus, host: HostId, signal?: AbortSignal): Promise<void> {
  const forget = async () => {
    await bus.manager.consumers.delete(streams.commands.name, commandConsumer(host)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
    for (const [stream, filter] of subjectsOf(host)) await bus.manager.streams.purge(stream, { filter });
  };
  await served(bus, forget, { signal, what: `forgetting ${host}` });
  forgetCommandConsumer(bus, host);
}
