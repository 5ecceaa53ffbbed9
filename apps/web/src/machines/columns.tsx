import type { ReactNode } from 'react';
import type { Host, Metrics, Vm } from '../api/client.ts';
import { formatMiB, formatNumber } from '../i18n/format.ts';
import { Ago } from '../ui/ago.tsx';
import { CopyButton } from '../ui/copy.tsx';
import { StateMark } from '../ui/state-mark.tsx';
import { TemplateMark } from '../ui/template-mark.tsx';
import { Sparkline } from './sparkline.tsx';

export interface RowContext {
  readonly host: Host | undefined;
  readonly readings: readonly Metrics[];
  readonly copyLabel: string;
}

interface Column {
  /** As in the address and in preferences. */
  readonly id: ColumnId;
  readonly width: string;
  /** What the API sorts by. */
  readonly sort?: string;
  cell(vm: Vm, row: RowContext): ReactNode;
}

export const columnIds = [
  ...(['state', 'name', 'host', 'addresses', 'cpu', 'memory', 'cpus', 'memoryMiB'] as const),
  ...(['labels', 'createdAt', 'observedAt'] as const),
];
export type ColumnId = (typeof columnIds)[number];
export const defaultColumns: readonly ColumnId[] = [
  'state',
  'name',
  'host',
  'addresses',
  'cpu',
  'memory',
  'cpus',
  'memoryMiB',
];

const addressesOf = ({ nics }: Vm): string[] => nics.flatMap(({ addresses }) => addresses);

const columns: Record<ColumnId, Column> = {
  state: {
    id: 'state',
    width: '110px',
    sort: 'state',
    cell: ({ state, operation }, { host }) => (
      <StateMark state={state} busy={operation !== undefined} stale={host?.state === 'offline'} />
    ),
  },
  name: {
    id: 'name',
    width: 'minmax(140px, 2fr)',
    sort: 'name',
    cell: (vm) =>
      vm.template ? (
        <>
          {vm.name} <TemplateMark vm={vm} />
        </>
      ) : (
        vm.name
      ),
  },
  host: { id: 'host', width: 'minmax(90px, 1fr)', sort: 'host', cell: ({ host }) => host },
  addresses: {
    id: 'addresses',
    width: 'minmax(130px, 1fr)',
    cell: (vm, { copyLabel }) => {
      const [first, ...rest] = addressesOf(vm);
      if (first === undefined) return null;
      return (
        <>
          {first}
          {rest.length > 0 && ` +${rest.length}`} <CopyButton value={first} label={copyLabel} />
        </>
      );
    },
  },
  cpu: { id: 'cpu', width: '84px', cell: (_, { readings }) => <Sparkline readings={readings} of="cpuPercent" /> },
  memory: {
    id: 'memory',
    width: '84px',
    cell: (_, { readings }) => <Sparkline readings={readings} of="memoryPercent" />,
  },
  cpus: { id: 'cpus', width: '60px', sort: 'cpus', cell: ({ cpus }) => formatNumber(cpus) },
  memoryMiB: { id: 'memoryMiB', width: '90px', sort: 'memoryMiB', cell: ({ memoryMiB }) => formatMiB(memoryMiB) },
  labels: {
    id: 'labels',
    width: 'minmax(100px, 1fr)',
    cell: ({ labels }) =>
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
  },
  createdAt: { id: 'createdAt', width: '120px', sort: 'createdAt', cell: ({ createdAt }) => <Ago at={createdAt} /> },
  observedAt: {
    id: 'observedAt',
    width: '120px',
    sort: 'observedAt',
    cell: ({ observedAt }) => <Ago at={observedAt} />,
  },
};

const isColumn = (id: string): id is ColumnId => (columnIds as readonly string[]).includes(id);

/** Columns by their ids, those that there are. */
export const columnsOf = (ids: readonly string[]): Column[] => ids.filter(isColumn).map((id) => columns[id]);
