import { buckets, keys, splitKey } from '@polyvirt/contracts';
import { openBucket } from './bucket.ts';
import { bucketStream, bucketSubject } from './bucket-names.ts';
import type { Bus } from './connection.ts';
import { indexKey, Keys, partOf } from './key-index.ts';
import { served } from './served.ts';

/**
 * Notes the keys that were there before there was an index of them, once. A process that is killed meanwhile has not said
 * that it is done, and agents wait for that, so that the next one may do it all again.
 */
export async function ensureIndex(bus: Bus, signal: AbortSignal | undefined): Promise<void> {
  const index = openBucket(bus, buckets.index, Keys);
  if (await index.get(keys.indexed, signal)) return;
  for (const { name } of [buckets.inventory, buckets.journal]) {
    const parts = new Map<string, string[]>();
    for (const key of await keysOf(bus, name, signal)) {
      const part = indexKey(splitKey(key).host, name, partOf(key));
      parts.set(part, [...(parts.get(part) ?? []), key]);
    }
    for (const [part, names] of parts) await index.put(part, names, { ...(signal && { signal }) });
  }
  await index.put(keys.indexed, [], { ...(signal && { signal }) });
}

async function keysOf(bus: Bus, bucket: string, signal: AbortSignal | undefined): Promise<string[]> {
  const all = { subjects_filter: bucketSubject(bucket, '>') };
  const what = `listing ${bucket}`;
  const { state } = await served(bus, () => bus.manager.streams.info(bucketStream(bucket), all), { signal, what });
  return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(bucketSubject(bucket, '').length));
}
