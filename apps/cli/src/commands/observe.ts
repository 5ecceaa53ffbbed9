import type { Client, components } from '@polyvirt/api-client';
import { call, listAll } from '../api.ts';
import { Exit, UsageError, type Command, type Invocation } from '../declaration.ts';
import { exitCodes, mayPass } from '../exit-codes.ts';
import { filterOf, filterOptions, findVm, portionsOf, queryOf, type Filter, type Vm } from '../names.ts';
import { linesOf, printItem, printItems } from '../output/print.ts';
import { clip, printable } from '../output/table.ts';
import { pointView, topView, type TopRow } from '../output/views.ts';
import { timeOf } from '../parse.ts';
import { vmArgument } from './vm.ts';

type Schemas = components['schemas'];
type Point = Schemas['MetricsHistory']['points'][number];

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
    const format = given.text('output') ?? (terminal.isTerminal ? 'table' : 'json');
    if (format !== 'table' && format !== 'json')
      throw new UsageError(`Events are printed as a table or as JSON, not as ${format}.`);
    if (given.integer('count') === 0) return;
    const client = await invocation.client();
    const named = given.text('vm');
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    let connection: 'first' | 'there' | 'lost' = 'first';
    let neverCame: unknown;
    const stream = client.events<unknown>({
      signal: stop.signal,
      onConnected: () => {
        if (connection === 'lost') terminal.tell('The gateway is back.');
        connection = 'there';
      },
      onLost: (reason) => {
        if (connection === 'first') {
          neverCame = reason;
          stop.abort();
        } else if (connection === 'there') terminal.tell('The gateway is unreachable. Trying again.');
        if (connection === 'there') connection = 'lost';
      },
      ...(given.has('since') && { since: given.text('since') }),
      ...(given.has('types') && { types: given.text('types')!.split(',') }),
      ...(given.has('hosts') && { hosts: given.text('hosts')!.split(',') }),
      ...(named !== undefined && { vm: (await findVm(client, named)).id }),
    });
    let left = given.integer('count') ?? Infinity;
    for await (const { cursor, event } of stream) {
      if (format === 'table') terminal.print(printable(`${event.time}  ${event.type}  ${event.subject}  (${cursor})`));
      else terminal.print(JSON.stringify({ cursor, event }));
      left -= 1;
      if (left <= 0) break;
    }
    const wasLeft = stop.signal.aborted;
    stop.abort();
    if (neverCame !== undefined) throw neverCame;
    // To leave what shows is no failure; to leave what never came is.
    if (wasLeft && connection === 'first') throw new Exit(exitCodes.interrupted.code);
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
    from: {
      value: 'TIME',
      time: true,
      help: 'An hour ago unless said: 2026-11-30T08:00:00Z, "2026-11-30 08:00" here, 2h (ago).',
    },
    to: { value: 'TIME', time: true, help: 'Now unless said.' },
    step: { value: 'SECONDS', integer: true, help: 'Seconds of a point.' },
  },
  run: async (invocation) => {
    const { given } = invocation;
    const client = await invocation.client();
    const { id: vmId } = await findVm(client, invocation.args[0]!);
    const query = {
      ...Object.fromEntries(
        ['from', 'to'].flatMap((name) => (given.has(name) ? [[name, timeOf(name, given.text(name)!)]] : [])),
      ),
      ...(given.has('step') && { step: given.text('step') }),
    };
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
    const query = queryOf(filterOf(invocation.given) ?? {});
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

interface Top {
  readonly rows: readonly TopRow[];
  /** What is left out, if anything is. */
  readonly note: string | undefined;
}

async function readTop(client: Client, query: Filter, sort: TopSort): Promise<Top> {
  const vms = await listAll<Vm>(client, 'GET /api/v1/vms', { query: { state: 'running', ...query } }, mostVms + 1);
  const note = vms.length > mostVms ? `the first ${mostVms} VMs that run; --filter chooses others` : undefined;
  const shown = vms.slice(0, mostVms);
  const points = new Map<string, Point | undefined>();
  for (const ids of portionsOf(
    shown.map(({ id }) => id),
    mostVms,
  )) {
    const query = { ids: ids.join(',') };
    const { data } = await call<Schemas['RecentMetrics']>(client, 'GET /api/v1/metrics/recent', { query });
    for (const { vmId, points: all } of data.items) points.set(vmId, all.at(-1));
  }
  const rows = shown.map((vm): TopRow => ({ vm, point: points.get(vm.id) }));
  const weight = ({ point }: TopRow) => (sort === 'mem' ? point?.memoryPercent : point?.cpuPercent)?.average ?? -1;
  return { rows: sort === 'name' ? rows : rows.sort((one, other) => weight(other) - weight(one)), note };
}

const top: Command = {
  name: 'top',
  summary: 'Show the busiest VMs, live in a terminal (q quits, s sorts) and once elsewhere.',
  calls: ['GET /api/v1/metrics/recent'],
  options: { ...filterOptions, sort: { value: 'FIELD', help: 'Order; cpu unless said.', choices: topSorts } },
  run: async (invocation) => {
    const { given, terminal } = invocation;
    const client = await invocation.client();
    const query = queryOf(filterOf(given) ?? {});
    const sort = (given.text('sort') ?? 'cpu') as TopSort;
    if (!terminal.isTerminal || !process.stdin.isTTY || given.has('output')) {
      const { rows, note } = await readTop(client, query, sort);
      printItems(invocation, topView, rows);
      if (note !== undefined) terminal.tell(`Of ${note}.`);
      return;
    }
    if (given.has('columns')) throw new UsageError('-c is for `top` outside a terminal.');
    await liveTop(invocation, (by) => readTop(client, query, by), sort);
  },
};

/** On the alternate screen, so that what was there before comes back. */
async function liveTop(invocation: Invocation, read: (sort: TopSort) => Promise<Top>, first: TopSort): Promise<void> {
  const { terminal } = invocation;
  const { stdin } = process;
  let sort = first;
  let last = await read(sort);
  let isLost = false;
  let ended = false;
  let wake: () => void = () => undefined;
  const onKey = (key: Buffer) => {
    const text = key.toString();
    // Several keys may come at once; those that are not letters begin with an escape.
    if (text === '\x1b' || text.includes('q') || text.includes('\x03')) ended = true;
    if (text === 's') sort = topSorts[(topSorts.indexOf(sort) + 1) % topSorts.length]!;
    wake();
  };
  const draw = () => {
    const state = isLost ? 'The gateway is unreachable; trying again' : last.note && `of ${last.note}`;
    const heading = `polyvirt top, by ${sort}${state ? ` (${state})` : ''}: q quits, s sorts`;
    const lines = linesOf(invocation, topView, last.rows).slice(0, Math.max(1, terminal.rows - 2));
    terminal.write(`\x1b[H\x1b[J${[heading, ...lines].map((line) => clip(line, terminal.columns)).join('\r\n')}`);
  };
  stdin.setRawMode(true);
  stdin.on('data', onKey);
  terminal.write('\x1b[?1049h\x1b[?25l');
  const leave = terminal.onResize(draw);
  try {
    draw();
    while (!ended) {
      try {
        last = await read(sort);
        isLost = false;
      } catch (error) {
        // What is shown stays until the gateway is back.
        if (!mayPass(error)) throw error;
        isLost = true;
      }
      draw();
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
    leave();
    terminal.write('\x1b[?25h\x1b[?1049l');
    stdin.off('data', onKey);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

export const observeCommands: readonly Command[] = [events, metrics, history, stats, top];
