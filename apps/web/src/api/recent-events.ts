import { ApiProblem, type CloudEvent } from '@polyvirt/api-client';
import { client } from './client.ts';

type Event = CloudEvent<Record<string, unknown>>;

interface Wanted {
  /** How far back at the most, in events of all kinds. */
  readonly most: number;
  /** Only of this VM. */
  readonly vm?: string | undefined;
  readonly signal: AbortSignal;
}

/** What has happened before now, in order; what is older than the gateway keeps it is left out. Ends with the last of them. */
export async function* recentEvents({ most, vm, signal }: Wanted): AsyncGenerator<Event, void, undefined> {
  const end = await latestCursor(signal);
  if (end === undefined) return;
  const stop = new AbortController();
  const after = (since: number) =>
    client.events<Record<string, unknown>>({
      since: String(Math.max(0, since)),
      ...(vm !== undefined && { vm }),
      signal: AbortSignal.any([signal, stop.signal]),
    });
  try {
    yield* upTo(end, after(end - most), stop);
  } catch (error) {
    const { code, oldestCursor } = error instanceof ApiProblem ? error.problem : {};
    if (code !== 'cursor-expired' || oldestCursor === undefined) throw error;
    yield* upTo(end, after(Number(oldestCursor) - 1), stop);
  }
}

/** The last one may be one that its reader may not see; then it ends with the next one that comes. */
async function* upTo(
  end: number,
  events: ReturnType<typeof client.events<Record<string, unknown>>>,
  stop: AbortController,
): AsyncGenerator<Event, void, undefined> {
  for await (const { cursor, event } of events) {
    if (Number(cursor) <= end) yield event;
    if (Number(cursor) >= end) stop.abort();
  }
}

async function latestCursor(signal: AbortSignal): Promise<number | undefined> {
  const stop = new AbortController();
  let latest: number | undefined;
  const onConnected = (cursor: string) => {
    latest = Number(cursor);
    stop.abort();
  };
  for await (const _ of client.events({ signal: AbortSignal.any([signal, stop.signal]), onConnected }));
  return latest;
}
