import type { Bus } from './connection.ts';
import { encodeJson } from './wire.ts';

/** nats-server counts the headers as well; ours hold a trace and an id. */
const keptForHeaders = 8_192;
/** What nats-server takes unless it is told otherwise. */
const usualMaxPayload = 1_048_576;
/** Of a list in one message, at first: whoever reads it does other things in between. */
const mostItems = 1_000;

/**
 * A list in as many messages as it takes for each to be one that the server accepts. What cannot be divided any more comes as it
 * is, and is refused.
 * @param wrap  what is around the items in each message
 */
export function* inParts<Item>(
  bus: Bus,
  items: readonly Item[],
  wrap: (part: readonly Item[]) => unknown,
): Generator<Uint8Array> {
  const limit = (bus.connection.info?.max_payload ?? usualMaxPayload) - keptForHeaders;
  for (let from = 0; from === 0 || from < items.length; from += mostItems)
    yield* halved(items.slice(from, from + mostItems), limit, wrap);
}

function* halved<Item>(
  items: readonly Item[],
  limit: number,
  wrap: (part: readonly Item[]) => unknown,
): Generator<Uint8Array> {
  const payload = encodeJson(wrap(items));
  if (payload.length <= limit || items.length < 2) {
    yield payload;
    return;
  }
  const half = Math.ceil(items.length / 2);
  yield* halved(items.slice(0, half), limit, wrap);
  yield* halved(items.slice(half), limit, wrap);
}
