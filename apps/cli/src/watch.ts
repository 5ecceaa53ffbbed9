import type { Client } from '@polyvirt/api-client';
import { listAll, type Call } from './api.ts';
import { UsageError, type Invocation, type Options, type Route } from './declaration.ts';
import { mayPass } from './exit-codes.ts';
import { formatOf, linesOf, printItems, type View } from './output/print.ts';
import { clip } from './output/table.ts';

export const listOptions: Options = {
  watch: { short: 'w', help: 'Keep showing it: redrawn in a terminal, one JSON line for each change elsewhere.' },
  limit: { value: 'NUMBER', integer: true, help: 'At most so many.' },
};

/** Without events it is looked at so often. */
const lookEveryMs = 2_000;
/** What happens at once is shown at once. */
const gatherMs = 100;

export interface Listing<Item> extends Pick<Call, 'path' | 'query'> {
  readonly route: Route;
  readonly view: View<Item>;
  /** Events after which the list may be another. */
  readonly events?: readonly string[];
  /** Where the items are not simply all that the route lists. */
  readonly read?: (client: Client) => Promise<Item[]>;
}

/** Prints a list; with `-w` until Ctrl-C. */
export async function showList<Item>(invocation: Invocation, listing: Listing<Item>): Promise<void> {
  const client = await invocation.client();
  const limit = invocation.given.integer('limit') ?? Infinity;
  const read = () => listing.read?.(client) ?? listAll<Item>(client, listing.route, listing, limit);
  if (invocation.given.flag('watch')) await watch(invocation, client, read, listing);
  else printItems(invocation, listing.view, await read());
}

export async function watch<Item>(
  invocation: Invocation,
  client: Client,
  read: () => Promise<Item[]>,
  { view, events = [] }: Pick<Listing<Item>, 'view' | 'events'>,
): Promise<void> {
  const { terminal } = invocation;
  const format = formatOf(invocation);
  if (!['table', 'wide', 'json'].includes(format)) throw new UsageError(`-w prints tables and JSON, not ${format}.`);
  const draws = terminal.isTerminal && format !== 'json';
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  const show = draws ? screen(invocation, view) : differences(invocation, view);
  let wake: () => void = () => undefined;
  let isStale = true;
  const touch = () => {
    isStale = true;
    wake();
  };
  stop.signal.addEventListener('abort', touch);
  const listen = async () => {
    for await (const _ of client.events({ types: events, signal: stop.signal, onConnected: touch })) touch();
  };
  if (events.length > 0) listen().catch(() => undefined);
  const beat = setInterval(touch, lookEveryMs);
  const leave = draws ? terminal.onResize(touch) : () => undefined;
  try {
    show(await read());
    while (!stop.signal.aborted) {
      if (!isStale) await new Promise<void>((resolve) => (wake = resolve));
      await new Promise((resolve) => setTimeout(resolve, gatherMs));
      isStale = false;
      if (stop.signal.aborted) break;
      try {
        show(await read());
      } catch (error) {
        // What is shown stays until the gateway is back.
        if (!mayPass(error)) throw error;
      }
    }
  } finally {
    clearInterval(beat);
    leave();
    stop.abort();
    process.off('SIGINT', interrupt);
  }
}

/** Draws the table over the one before. */
function screen<Item>(invocation: Invocation, view: View<Item>): (items: readonly Item[]) => void {
  const { terminal } = invocation;
  let drawn = 0;
  let size = '';
  return (items) => {
    const { rows, columns } = terminal;
    const lines = linesOf(invocation, view, items);
    const room = Math.max(2, rows - 1);
    const visible = lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more`] : lines;
    const before = size;
    size = `${columns}x${rows}`;
    // In another size nobody knows in which row the one before begins.
    const over = before !== '' && before !== size ? '\x1b[H' : drawn > 0 ? `\x1b[${drawn}A` : '';
    terminal.write(`${over}\r\x1b[J${visible.map((line) => clip(line, columns)).join('\n')}\n`);
    drawn = visible.length;
  };
}

/** A line for each item that is new, other than before, or gone. */
function differences<Item>({ terminal }: Invocation, view: View<Item>): (items: readonly Item[]) => void {
  let known = new Map<string, string>();
  return (items) => {
    const now = new Map(items.map((item) => [view.key(item), JSON.stringify(item)]));
    for (const [key, text] of now) {
      const before = known.get(key);
      if (before !== text) terminal.print(`{"type":"${before === undefined ? 'added' : 'modified'}","item":${text}}`);
    }
    for (const [key, text] of known) if (!now.has(key)) terminal.print(`{"type":"deleted","item":${text}}`);
    known = now;
  };
}
