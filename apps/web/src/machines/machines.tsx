import { Button, Group, Stack, Text } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatNumber } from '../i18n/format.ts';
import type { LiveEvent } from '../live/connection.ts';
import { useEvents } from '../live/live.tsx';
import { machinesRoute } from '../routes/router.tsx';
import { useMay, useMe } from '../session/session.tsx';
import { useQuickChange } from '../ui/change.ts';
import { Empty, Guarded, Loading, PageTitle, ProblemAlert } from '../ui/states.tsx';
import { defaultColumns } from './columns.tsx';
import { DeleteDialog } from './delete-dialog.tsx';
import { ExportMenu } from './export-menu.tsx';
import { FilterBar } from './filter-bar.tsx';
import { filterOf, parseFilter } from './filter-syntax.ts';
import { MachineTable } from './machine-table.tsx';
import { SelectionBar } from './selection-bar.tsx';
import { useObstacle } from './use-obstacle.ts';

export function Machines() {
  return (
    <Guarded permission="vm:read">
      <List />
    </Guarded>
  );
}

function List() {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const { q = '', sort = 'name', columns } = machinesRoute.useSearch();
  const { preferences } = useMe();
  const columnIds = useMemo(
    () => columns?.split(',') ?? preferences.columns?.['machines'] ?? defaultColumns,
    [columns, preferences],
  );
  const filter = useMemo(() => filterOf(parseFilter(q)), [q]);
  const list = useInfiniteQuery({ ...queries.vms(filter, sort), placeholderData: keepPreviousData });
  const total = useQuery({ ...queries.summary(filter), enabled: list.hasNextPage, placeholderData: keepPreviousData });
  const vms = useMemo(() => list.data?.pages.flatMap(({ items }) => items) ?? [], [list.data]);
  const [selection, setSelection] = useState<ReadonlySet<string>>(new Set());
  const [doomed, setDoomed] = useState<Vm>();
  const change = useQuickChange();
  const obstacle = useObstacle();
  const fresh = useNewMachines(list.dataUpdatedAt);

  const search = useCallback(
    (next: Record<string, string | undefined>) =>
      void navigate({ to: '/machines', search: (was: object) => ({ ...was, ...next }), replace: true } as never),
    [navigate],
  );
  const open = useCallback(
    (vm: Vm) => void navigate({ to: '/machines/$vmId', params: { vmId: vm.id } } as never),
    [navigate],
  );
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const nearEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const key = useCallback(
    (pressed: string, vm: Vm) => {
      const action = pressed === 's' ? 'start' : pressed === 't' ? 'stop' : 'delete';
      if (obstacle(action, vm) !== undefined) return;
      if (action === 'delete') setDoomed(vm);
      else change(calls.power(vm.id, action));
    },
    [obstacle, change],
  );

  return (
    <Stack gap="sm" h="calc(100vh - 52px - 2 * var(--mantine-spacing-md))">
      <PageTitle title={t('nav.machines')}>
        {may('vm:create') && (
          <Button component={Link} to="/create">
            {t('machines.create')}
          </Button>
        )}
      </PageTitle>
      <FilterBar q={q} sort={sort} columnIds={columnIds} onSearch={search} />
      {selection.size > 0 && (
        <SelectionBar
          vms={vms.filter(({ id }) => selection.has(id))}
          filter={filter}
          total={hasNextPage && vms.every(({ id }) => selection.has(id)) ? total.data?.vms.total : undefined}
          onClear={() => setSelection(new Set())}
        />
      )}
      <Group gap="xs">
        <Text size="sm" role="status">
          {list.data &&
            t(hasNextPage ? 'machines.shownMore' : 'machines.shown', {
              count: vms.length,
              number: formatNumber(vms.length),
              total: formatNumber(total.data?.vms.total),
            })}
        </Text>
        {vms.length > 0 && <ExportMenu filter={filter} sort={sort} />}
        {fresh > 0 && (
          <Button size="compact-sm" variant="light" onClick={() => void cache.resetQueries({ queryKey: ['vms'] })}>
            {t('machines.fresh', { count: fresh })}
          </Button>
        )}
      </Group>
      {list.isError && <ProblemAlert error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading rows={12} />}
      {list.data && vms.length === 0 && (
        <Empty title={q === '' ? t('machines.none') : t('machines.noMatch')}>
          {q !== '' ? (
            <Button variant="default" onClick={() => search({ q: undefined })}>
              {t('machines.clearFilter')}
            </Button>
          ) : (
            may('vm:create') && (
              <Button component={Link} to="/create">
                {t('machines.create')}
              </Button>
            )
          )}
        </Empty>
      )}
      {vms.length > 0 && (
        <div style={{ flex: 1, minHeight: 240 }}>
          <MachineTable
            vms={vms}
            columnIds={columnIds}
            sort={sort}
            selection={selection}
            onSort={(next) => search({ sort: next })}
            onSelect={setSelection}
            onOpen={open}
            onNearEnd={nearEnd}
            onKey={key}
          />
        </div>
      )}
      {doomed && <DeleteDialog vm={doomed} onClose={() => setDoomed(undefined)} />}
    </Stack>
  );
}

/** Machines that have come since the list was fetched; they are shown when that is asked for, so that no row moves. */
function useNewMachines(fetchedAt: number): number {
  const [fresh, setFresh] = useState({ since: fetchedAt, count: 0 });
  useEvents(
    useCallback(
      ({ type }: LiveEvent) => {
        if (type === 'vm.created')
          setFresh(({ since, count }) =>
            since === fetchedAt ? { since, count: count + 1 } : { since: fetchedAt, count: 1 },
          );
      },
      [fetchedAt],
    ),
  );
  return fresh.since === fetchedAt ? fresh.count : 0;
}
