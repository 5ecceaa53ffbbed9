import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import type { Operation, Vm } from '../api/client.ts';
import type { LiveConnection, LiveEvent } from './connection.ts';

type VmPages = InfiniteData<{ items: Vm[]; nextCursor?: string }>;
type Renew = (...key: unknown[]) => void;
/** A machine that is gone stays in its row until the list is fetched again: rows must not jump under the mouse. */
export const goneVms = new Set<string>();

/** Whether a machine was deleted while this tab was open. */
export const goneKey = (vmId: string) => ['gone', vmId] as const;

const summaryAtMostEveryMs = 1_000;

/** Keeps what was read up to date by what is heard. */
export function feedCache(queries: QueryClient, live: LiveConnection): () => void {
  let summaryDue: ReturnType<typeof setTimeout> | undefined;
  const renew: Renew = (...queryKey) => void queries.invalidateQueries({ queryKey });
  const take = (event: LiveEvent) => {
    const [family] = event.type.split('.');
    if (family === 'vm') takeVm(queries, event, renew);
    else if (family === 'operation') takeOperation(queries, event, renew);
    else if (family === 'host') renew('hosts');
    else if (family === 'archive') {
      renew('archives');
      renew('archive', event.subject);
    }
    summaryDue ??= setTimeout(() => {
      summaryDue = undefined;
      renew('summary');
    }, summaryAtMostEveryMs);
  };
  const stops = [
    live.onEvent(take),
    live.onReset(() => void queries.invalidateQueries()),
    () => clearTimeout(summaryDue),
  ];
  return () => stops.forEach((stop) => stop());
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

function takeOperation(queries: QueryClient, { type, data }: LiveEvent, renew: Renew): void {
  const operation = data['operation'] as Operation | undefined;
  if (!operation) return;
  const running = operation.status === 'pending' || operation.status === 'running';
  queries.setQueriesData<Operation[]>({ queryKey: ['operations'] }, (list) => {
    if (!list?.some(({ id }) => id === operation.id)) return list;
    return list.map((known) => (known.id === operation.id ? { ...known, ...operation } : known));
  });
  renew('operation', operation.id);
  if (type === 'operation.started' || !running) renew('operations');
  const { vmId } = operation;
  if (vmId === undefined) return;
  patchVm(queries, vmId, ({ operation: _, ...known }) => ({ ...known, ...(running && { operation: operation.id }) }));
  // Labels, notes and the revision are the gateway's, and in no event.
  if (!running && !goneVms.has(vmId)) renew('vm', vmId);
}

/** In its own record and in every list that has a row for it. */
export function patchVm(queries: QueryClient, id: string, change: (vm: Vm) => Vm): void {
  queries.setQueryData<Vm>(['vm', id], (known) => known && change(known));
  queries.setQueriesData<VmPages>({ queryKey: ['vms'] }, (list) => {
    const holds = ({ items }: { items: Vm[] }) => items.some((vm) => vm.id === id);
    if (!list?.pages.some(holds)) return list;
    const pages = list.pages.map((page) =>
      holds(page) ? { ...page, items: page.items.map((vm) => (vm.id === id ? change(vm) : vm)) } : page,
    );
    return { ...list, pages };
  });
}
