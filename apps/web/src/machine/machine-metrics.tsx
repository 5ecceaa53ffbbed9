import { Button, Group, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Metrics, MetricsHistory, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatPercent, formatRate, formatTime } from '../i18n/format.ts';
import { useReadings } from '../live/live.tsx';
import { useLack } from '../machines/use-obstacle.ts';
import { machineRoute } from '../routes/router.tsx';
import { Ago } from '../ui/ago.tsx';
import { saveAs } from '../ui/save.ts';
import { Empty, Guarded, QueryView } from '../ui/states.tsx';
import { useIsOver } from '../ui/time-left.tsx';
import { Chart } from './chart.tsx';

const minute = 60;
/** How far back, and in which steps, in seconds. */
const ranges = {
  // Within what the gateway has in memory, in the finest steps.
  live: { seconds: 14 * minute, step: 5 },
  '1h': { seconds: 60 * minute, step: minute },
  '6h': { seconds: 6 * 60 * minute, step: 5 * minute },
  '24h': { seconds: 24 * 60 * minute, step: 15 * minute },
  '7d': { seconds: 7 * 24 * 60 * minute, step: 2 * 60 * minute },
  '30d': { seconds: 30 * 24 * 60 * minute, step: 8 * 60 * minute },
} as const;
type Range = keyof typeof ranges;
type Point = MetricsHistory['points'][number];
type Series = Exclude<keyof Point, 'at'>;

const charts: readonly {
  title: 'cpu' | 'memory' | 'disk' | 'network';
  series: readonly Series[];
  unit: 'percent' | 'rate';
}[] = [
  { title: 'cpu', series: ['cpuPercent'], unit: 'percent' },
  { title: 'memory', series: ['memoryPercent'], unit: 'percent' },
  { title: 'disk', series: ['diskReadBytesPerSecond', 'diskWriteBytesPerSecond'], unit: 'rate' },
  { title: 'network', series: ['rxBytesPerSecond', 'txBytesPerSecond'], unit: 'rate' },
];

/** Several times as long as the longest step in which agents measure unless they are told otherwise. */
const silentAfterMs = 60_000;
const allSeries = charts.flatMap(({ series }) => series);

export default function MachineMetrics({ vm }: { vm: Vm }) {
  return (
    <Guarded permission="metrics:read">
      <Charts vm={vm} />
    </Guarded>
  );
}

function Charts({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { range = 'live' } = machineRoute.useSearch();
  const chosen: Range = range in ranges ? (range as Range) : 'live';
  const { seconds, step } = ranges[chosen];
  const from = useMemo(() => new Date(Date.now() - seconds * 1_000).toISOString(), [seconds]);
  const history = useQuery({ ...queries.history(vm.id, { from, step, key: chosen }), gcTime: 0 });
  const lack = useLack(vm.host)('metrics');
  const [live, setLive] = useState<readonly Point[]>([]);
  // A pause holds the charts still; what comes meanwhile is there when they continue.
  const [held, setHeld] = useState<readonly Point[]>();
  useReadings(
    useMemo(() => [vm.id], [vm.id]),
    useCallback(
      (readings: Metrics[]) => {
        const mine = readings.filter(({ vmId }) => vmId === vm.id).map(pointOf);
        if (mine.length > 0) setLive((known) => [...known, ...mine].slice(-1_000));
      },
      [vm.id],
    ),
  );
  if (lack !== undefined)
    return (
      <Empty title={t('metrics.impossible')}>
        <Text>{lack}</Text>
      </Empty>
    );
  return (
    <Stack>
      <SegmentedControl
        aria-label={t('metrics.range')}
        value={chosen}
        data={Object.keys(ranges).map((value) => ({ value, label: t(`range.${value as Range}`) }))}
        onChange={(next) =>
          void navigate({
            to: '/machines/$vmId',
            params: { vmId: vm.id },
            search: (was: object) => ({ ...was, range: next }),
            replace: true,
          } as never)
        }
      />
      <QueryView of={history}>
        {({ points, stepSeconds }) => {
          const last = points.at(-1)?.at ?? '';
          const isLive = chosen === 'live';
          const all = isLive ? [...points, ...(held ?? live).filter(({ at }) => at > last)] : points;
          if (all.length === 0) return <Empty title={t('metrics.none')} />;
          return (
            <Stack>
              {isLive && (
                <Group>
                  <Button
                    size="xs"
                    variant="default"
                    aria-pressed={held !== undefined}
                    onClick={() => setHeld(held === undefined ? live : undefined)}
                  >
                    {t(held === undefined ? 'metrics.pause' : 'metrics.resume')}
                  </Button>
                  <Silence since={[...points, ...live].at(-1)!.at} />
                </Group>
              )}
              {charts.map(({ title, series, unit }) => (
                <section key={title} aria-label={t(`metrics.${title}`)}>
                  <Chart
                    title={t(`metrics.${title}`)}
                    names={series.map((name) => t(`metrics.${name}`))}
                    data={columnsOf(all, series, stepSeconds)}
                    format={unit === 'percent' ? formatPercent : formatRate}
                    top={unit === 'percent' ? 100 : undefined}
                    sync={vm.id}
                  />
                </section>
              ))}
              <Numbers points={all} name={vm.name} />
            </Stack>
          );
        }}
      </QueryView>
    </Stack>
  );
}

/** Says since when nothing was measured, once that is longer than it should be. */
function Silence({ since }: { since: string }) {
  const { t } = useTranslation();
  const isSilent = useIsOver(new Date(Date.parse(since) + silentAfterMs).toISOString());
  return (
    isSilent && (
      <Text size="sm" role="status">
        {t('metrics.silent')} <Ago at={since} />
      </Text>
    )
  );
}

/** The same numbers, to be read. */
function Numbers({ points, name: of }: { points: readonly Point[]; name: string }) {
  const { t } = useTranslation();
  const all = charts.flatMap(({ series, unit }) => series.map((name) => ({ name, unit })));
  return (
    <details>
      <summary>{t('metrics.table')}</summary>
      <Button my="xs" size="xs" variant="default" onClick={() => saveAs(`${of}.csv`, csvOf(points))}>
        {t('metrics.csv')}
      </Button>
      <Group style={{ overflowX: 'auto' }}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('metrics.time')}</Table.Th>
              {all.map(({ name }) => (
                <Table.Th key={name}>{t(`metrics.${name}`)}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {points
              .slice(-100)
              .toReversed()
              .map((point) => (
                <Table.Tr key={point.at}>
                  <Table.Td>{formatTime(point.at)}</Table.Td>
                  {all.map(({ name, unit }) => (
                    <Table.Td key={name}>
                      {(unit === 'percent' ? formatPercent : formatRate)(point[name]?.average)}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
          </Table.Tbody>
        </Table>
      </Group>
      {points.length > 100 && <Text size="sm">{t('metrics.tableCut')}</Text>}
    </details>
  );
}

/** With the names of the API; nothing stands for what is not known. */
const csvOf = (points: readonly Point[]): string =>
  [['at', ...allSeries], ...points.map((point) => [point.at, ...allSeries.map((name) => point[name]?.average ?? '')])]
    .map((row) => `${row.join(',')}\r\n`)
    .join('');

const one = (value: number | undefined) => (value === undefined ? {} : { average: value, maximum: value });
function sum<Device>(devices: readonly Device[], of: (device: Device) => number | undefined): number | undefined {
  const known = devices.flatMap((device) => of(device) ?? []);
  return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
}

function pointOf({ observedAt, cpuPercent, memoryPercent, disks, networks }: Metrics): Point {
  const values: Record<Series, number | undefined> = {
    cpuPercent,
    memoryPercent,
    diskReadBytesPerSecond: sum(disks, ({ readBytesPerSecond }) => readBytesPerSecond),
    diskWriteBytesPerSecond: sum(disks, ({ writeBytesPerSecond }) => writeBytesPerSecond),
    rxBytesPerSecond: sum(networks, ({ rxBytesPerSecond }) => rxBytesPerSecond),
    txBytesPerSecond: sum(networks, ({ txBytesPerSecond }) => txBytesPerSecond),
  };
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return { at: observedAt, ...Object.fromEntries(known.map(([name, value]) => [name, one(value)])) } as Point;
}

/** As uPlot takes it. Where steps are missing stands a null, which is drawn as a gap. */
function columnsOf(points: readonly Point[], series: readonly Series[], stepSeconds: number): (number | null)[][] {
  const times: number[] = [];
  const values: (number | null)[][] = series.map(() => []);
  for (const point of points) {
    const at = Date.parse(point.at) / 1_000;
    const before = times.at(-1);
    if (before !== undefined && at - before > 3 * Math.max(stepSeconds, 5)) {
      times.push(before + stepSeconds);
      for (const column of values) column.push(null);
    }
    times.push(at);
    for (const [index, name] of series.entries()) values[index]!.push(point[name]?.average ?? null);
  }
  return [times, ...values];
}
