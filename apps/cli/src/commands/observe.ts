import type { Client, components } from '@polyvirt/api-client';
import { call, listAll } from '../api.ts';
import { UsageError, type Command, type Invocation } from '../declaration.ts';
import { filterOf, filterOptions, findVm, type Vm } from '../names.ts';
import { formatOf, linesOf, printItem, printItems } from '../output/print.ts';
import { printable } from '../output/table.ts';
import { pointView, topView, type TopRow } from '../output/views.ts';
import { vmArgument } from './vm.ts';

type Schemas = components['schemas'];

const events: Command = {
  name: 'event list',
  summary: 'Show what happens from now on, until Ctrl-C; JSON lines outside a terminal.',
  calls: ['GET /api/v1/events'],
  options: {
    types: { value: 'TYPES', help: 'Such as vm.created,operation.*.' },
    hosts: { value: 'HOSTS', help: 'Of these hosts.', completes: 'host' },
    vm: { value: 'NAME', help: 'About this VM.', completes: 'vm' },
    since: { value: 'CURSOR', help: 'Begin behind this event; 0 is the oldest that is kept.' },
    count: { value: 'NUMBER', integer: true, help: 'End after so many.' },
    watch: { short: 'w', help: 'Until Ctrl-C, which is the default.' },
  },
  run: async (invocation) => {
    const { given, terminal } = invocation;
    const client = await invocation.client();
    const named = given.text('vm');
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    const stream = client.events<unknown>({
      signal: stop.signal,
      ...(given.has('since') && { since: given.text('since') }),
      ...(given.has('types') && { types: given.text('types')!.split(',') }),
      ...(given.has('hosts') && { hosts: given.text('hosts')!.split(',') }),
      ...(named !== undefined && { vm: (await findVm(client, named)).id }),
    });
    let left = given.integer('count') ?? Infinity;
    for await (const { cursor, event } of stream) {
      if (terminal.isTerminal && formatOf(invocation) === 'table')
        terminal.print(printable(`${event.time}  ${event.type}  ${event.subject}  (${cursor})`));
      else terminal.print(JSON.stringify({ cursor, event }));
      left -= 1;
      if (left <= 0) break;
    }
    stop.abort();
  },
};

const metrics: Command = {
  name: 'metrics get',
  summary: 'Show the load of a VM now.',
  calls: ['GET /api/v1/vms/{vmId}/metrics'],
  args: [vmArgument],
  run: async (invocation) => {
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, invocation.args[0]!);
    const { data } = await call<Schemas['Metrics']>(client, 'GET /api/v1/vms/{vmId}/metrics', { path: { vmId } });
    printItem(invocation, { columns: [], key: () => vmId }, data);
  },
};

const history: Command = {
  name: 'metrics history',
  summary: 'Show the load of a VM over time.',
  calls: ['GET /api/v1/vms/{vmId}/metrics/history'],
  args: [vmArgument],
  options: {
    from: { value: 'TIME', help: 'An hour ago unless said.' },
    to: { value: 'TIME', help: 'Now unless said.' },
    step: { value: 'SECONDS', integer: true, help: 'Seconds of a point.' },
  },
  run: async (invocation) => {
    const { given } = invocation;
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, invocation.args[0]!);
    const query = Object.fromEntries(
      ['from', 'to', 'step'].flatMap((name) => (given.has(name) ? [[name, given.text(name)]] : [])),
    );
    const route = 'GET /api/v1/vms/{vmId}/metrics/history';
    const { data } = await call<Schemas['MetricsHistory']>(client, route, { path: { vmId }, query });
    printItems(invocation, pointView, data.points);
  },
};

const stats: Command = {
  name: 'stats',
  summary: 'Sum up hosts, VMs and load.',
  calls: ['GET /api/v1/stats/summary'],
  options: filterOptions,
  run: async (invocation) => {
    const query = filterOf(invocation.given) ?? {};
    const { data } = await call<Schemas['StatsSummary']>(await invocation.client(), 'GET /api/v1/stats/summary', {
      query,
    });
    printItem(invocation, { columns: [], key: () => 'summary' }, data);
  },
};

const topSorts = ['cpu', 'mem', 'name'] as const;
type TopSort = (typeof topSorts)[number];
const mostVms = 200;
const topEveryMs = 2_000;

async function readTop(client: Client, query: Record<string, string>, sort: TopSort): Promise<TopRow[]> {
  const vms = await listAll<Vm>(client, 'GET /api/v1/vms', { query: { state: 'running', ...query } }, mostVms);
  if (vms.length === 0) return [];
  const ids = vms.map(({ id }) => id).join(',');
  const { data } = await call<Schemas['RecentMetrics']>(client, 'GET /api/v1/metrics/recent', { query: { ids } });
  const points = new Map(data.items.map(({ vmId, points: all }) => [vmId, all.at(-1)]));
  const rows = vms.map((vm): TopRow => ({ vm, point: points.get(vm.id) }));
  const weight = ({ point }: TopRow) => (sort === 'mem' ? point?.memoryPercent : point?.cpuPercent)?.average ?? -1;
  return sort === 'name' ? rows : rows.sort((one, other) => weight(other) - weight(one));
}

const top: Command = {
  name: 'top',
  summary: 'Show the busiest VMs, live in a terminal (q quits, s sorts) and once elsewhere.',
  calls: ['GET /api/v1/metrics/recent'],
  options: { ...filterOptions, sort: { value: 'FIELD', help: 'Order; cpu unless said.', choices: topSorts } },
  run: async (invocation) => {
    const { given, terminal } = invocation;
    const client = await invocation.client();
    const query = filterOf(given) ?? {};
    const sort = (given.text('sort') ?? 'cpu') as TopSort;
    if (!terminal.isTerminal || !process.stdin.isTTY || given.has('output'))
      return printItems(invocation, topView, await readTop(client, query, sort));
    if (given.has('columns')) throw new UsageError('-c is for `top` outside a terminal.');
    await liveTop(invocation, (by) => readTop(client, query, by), sort);
  },
};

/** On the alternate screen, so that what was there before comes back. */
async function liveTop(
  invocation: Invocation,
  read: (sort: TopSort) => Promise<TopRow[]>,
  first: TopSort,
): Promise<void> {
  const { terminal } = invocation;
  const { stdin } = process;
  let sort = first;
  let ended = false;
  let wake: () => void = () => undefined;
  const onKey = (key: Buffer) => {
    const text = key.toString();
    if (text === 'q' || text === '\x03' || text === '\x1b') ended = true;
    if (text === 's') sort = topSorts[(topSorts.indexOf(sort) + 1) % topSorts.length]!;
    wake();
  };
  stdin.setRawMode(true);
  stdin.on('data', onKey);
  terminal.write('\x1b[?1049h\x1b[?25l');
  try {
    while (!ended) {
      const lines = linesOf(invocation, topView, await read(sort)).slice(0, terminal.rows - 2);
      const heading = `polyvirt top, by ${sort}: q quits, s sorts`;
      terminal.write(`\x1b[H\x1b[J${[heading, ...lines].map((line) => line.slice(0, terminal.columns)).join('\r\n')}`);
      if (ended) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, topEveryMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    terminal.write('\x1b[?25h\x1b[?1049l');
    stdin.off('data', onKey);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

export const observeCommands: readonly Command[] = [events, metrics, history, stats, top];
