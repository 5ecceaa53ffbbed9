import type { InfiniteData, Query, QueryClient, QueryFilters } from '@tanstack/react-query';
import type { Operation, Vm } from '../api/client.ts';
import type { LiveConnection, LiveEvent } from './connection.ts';
import { paced } from './pace.ts';

type VmPages = InfiniteData<{ items: Vm[]; nextCursor?: string }>;
type Renew = (...key: unknown[]) => void;
type Change = (vm: Vm) => Vm;
/** A machine that is gone stays in its row until the list is fetched again: rows must not jump under the mouse. */
export const goneVms = new Set<string>();

/** Whether a machine was deleted while this tab was open. */
export const goneKey = (vmId: string) => ['gone', vmId] as const;

/** Operations that were heard to have ended; the answer to whoever began one may come after that. */
const ended = new Set<string>();
const mostEnded = 2_000;

const summaryAtMostEveryMs = 1_000;
/** A host counts its machines in what it answers, and no event says what they are by then. */
const hostsAtMostEveryMs = 2_000;
/** Those that are known are patched at once; a batch begins and ends hundreds. */
const operationsAtMostEveryMs = 500;
/** The agent looks at the storage of its host once an operation has ended, and no event says that it has. */
const storageLagMs = 2_000;
/** What events keep up to date. */
const fed = new Set<unknown>([
  ...['vm', 'vms', 'operation', 'operations', 'hosts', 'volumes', 'images'],
  ...['archive', 'archives', 'summary'],
]);

/** Keeps what was read up to date by what is heard. */
export function feedCache(queries: QueryClient, live: LiveConnection): () => void {
  const renew: Renew = (...queryKey) => void readAgain(queries, { queryKey });
  const summary = paced(() => renew('summary'), summaryAtMostEveryMs);
  const hosts = paced(() => renew('hosts'), hostsAtMostEveryMs);
  const operations = paced(() => renew('operations'), operationsAtMostEveryMs);
  const storageDue = new Map<string, ReturnType<typeof setTimeout>>();
  const renewStorage = (host: string) => {
    const look = () => ['volumes', 'images'].forEach((family) => renew(family, host));
    look();
    clearTimeout(storageDue.get(host));
    storageDue.set(host, setTimeout(look, storageLagMs));
  };
  const take = (event: LiveEvent) => {
    const { type } = event;
    const [family] = type.split('.');
    if (family === 'vm') takeVm(queries, event, renew);
    else if (family === 'operation') takeOperation(queries, event, renew, { renewStorage, renewList: operations.soon });
    else if (family === 'host') hosts.soon();
    else if (family === 'archive') {
      renew('archives');
      renew('archive', event.subject);
    }
    if (family === 'host' || type === 'vm.created' || type === 'vm.deleted') hosts.later();
    summary.later();
  };
  const stops = [
    live.onEvent(take),
    live.onReset(() => void readAgain(queries, { predicate: ({ queryKey: [family] }) => fed.has(family) })),
    () => [summary, hosts, operations].forEach(({ stop }) => stop()),
    () => [...storageDue.values()].forEach(clearTimeout),
  ];
  return () => stops.forEach((stop) => stop());
}

/** A first read that is on its way may be older than what was heard, and is not begun again by invalidating it: it is read once more. */
async function readAgain(queries: QueryClient, filter: QueryFilters): Promise<void> {
  const isFirst = ({ state }: Query) => state.data === undefined && state.fetchStatus === 'fetching';
  const firsts = queries.getQueryCache().findAll(filter).filter(isFirst);
  await queries.invalidateQueries(filter);
  await Promise.all(firsts.map(({ queryKey }) => queries.invalidateQueries({ queryKey, exact: true })));
}

function takeVm(queries: QueryClient, { type, data }: LiveEvent, renew: Renew): void {
  const vm = data['vm'] as Vm | undefined;
  if (!vm) return;
  if (type === 'vm.deleted') {
    goneVms.add(vm.id);
    queries.setQueryData(goneKey(vm.id), true);
  } else if (type === 'vm.created' && goneVms.delete(vm.id)) queries.setQueryData(goneKey(vm.id), false);
  patchVm(queries, vm.id, (known) => ({ ...known, ...vm }));
  if (type.includes('snapshot')) renew('vm', vm.id);
}

function takeOperation(
  queries: QueryClient,
  { type, data }: LiveEvent,
  renew: Renew,
  { renewStorage, renewList }: { renewStorage(host: string): void; renewList(): void },
): void {
  const operation = data['operation'] as Operation | undefined;
  if (!operation) return;
  const running = operation.status === 'pending' || operation.status === 'running';
  if (!running) {
    if (ended.size > mostEnded) ended.clear();
    ended.add(operation.id);
  }
  queries.setQueriesData<Operation[]>({ queryKey: ['operations'] }, (list) => {
    if (!list?.some(({ id }) => id === operation.id)) return list;
    return list.map((known) => (known.id === operation.id ? { ...known, ...operation } : known));
  });
  renew('operation', operation.id);
  if (type === 'operation.started' || !running) renewList();
  if (!running && operation.host !== undefined) renewStorage(operation.host);
  const { vmId } = operation;
  if (vmId === undefined) return;
  patchVm(queries, vmId, ({ operation: _, ...known }) => ({ ...known, ...(running && { operation: operation.id }) }));
  // Labels, notes and the revision are the gateway's, and in no event.
  // One that was deleted is heard to be gone; there is nothing left to read.
  const isGone = goneVms.has(vmId) || (operation.verb === 'vm.delete' && operation.status === 'succeeded');
  if (!running && !isGone) renew('vm', vmId);
}

/** Marks a machine as busy with what was just begun, unless that is over already. */
export function noteBegun(queries: QueryClient, { id, vmId, status }: Operation): void {
  const running = (status === 'pending' || status === 'running') && !ended.has(id);
  if (vmId !== undefined && running) patchVm(queries, vmId, (vm) => ({ ...vm, operation: id }));
}

/** In its own record and in every list that has a row for it, also in those that are being read at this moment. */
export function patchVm(queries: QueryClient, id: string, change: Change): void {
  for (const query of queries.getQueryCache().findAll()) {
    const [family, of, ...more] = query.queryKey;
    const isOwn = family === 'vm' && of === id && more.length === 0;
    if (!isOwn && family !== 'vms') continue;
    const patch = () => {
      if (isOwn) queries.setQueryData<Vm>(query.queryKey, (known) => known && change(known));
      else queries.setQueryData<VmPages>(query.queryKey, (list) => list && patchedPages(list, id, change));
    };
    if (query.state.fetchStatus === 'fetching') afterRead(queries, query.queryHash, patch);
    patch();
  }
}

function patchedPages(list: VmPages, id: string, change: Change): VmPages {
  const holds = ({ items }: { items: Vm[] }) => items.some((vm) => vm.id === id);
  if (!list.pages.some(holds)) return list;
  const pages = list.pages.map((page) =>
    holds(page) ? { ...page, items: page.items.map((vm) => (vm.id === id ? change(vm) : vm)) } : page,
  );
  return { ...list, pages };
}

/** The answer may be older than what was heard meanwhile, so that is done to it too, in the same order. */
function afterRead(queries: QueryClient, queryHash: string, patch: () => void): void {
  const cache = queries.getQueryCache();
  const stop = cache.subscribe(({ query, type }) => {
    if (query.queryHash !== queryHash || (query.state.fetchStatus === 'fetching' && type !== 'removed')) return;
    stop();
    if (query.state.status === 'success') patch();
  });
}
