import { Anchor, Group, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Metrics, Vm } from '../api/client.ts';
import { mostMeasured, queries } from '../api/queries.ts';
import { formatNumber, formatPercent } from '../i18n/format.ts';
import { useReadings } from '../live/live.tsx';
import { QueryView } from '../ui/states.tsx';

const shown = 5;
const measures = ['cpuPercent', 'memoryPercent'] as const;
type Load = Readonly<Partial<Record<(typeof measures)[number], number>>>;

/** Which machines work hardest now, of those that run. */
export function TopMachines() {
  const running = useQuery(queries.runningLoads());
  return <QueryView of={running}>{({ vms, loads }) => <Top vms={vms} loads={loads} />}</QueryView>;
}

function Top({ vms, loads }: { vms: readonly Vm[]; loads: ReadonlyMap<string, Load> }) {
  const { t } = useTranslation();
  const [heard, setHeard] = useState<ReadonlyMap<string, Load>>(new Map());
  useReadings(
    useMemo(() => vms.map(({ id }) => id), [vms]),
    useCallback((readings: Metrics[]) => {
      setHeard((known) => new Map([...known, ...readings.map((reading) => [reading.vmId, reading] as const)]));
    }, []),
  );
  const loadOf = ({ id }: Vm) => heard.get(id) ?? loads.get(id) ?? {};
  const measured = vms.filter((vm) => measures.some((measure) => loadOf(vm)[measure] !== undefined));
  if (measured.length === 0) return null;
  return (
    <section aria-label={t('overview.top')}>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {measures.map((measure) => {
          const known = measured.flatMap((vm) => {
            const value = loadOf(vm)[measure];
            return value === undefined ? [] : [{ vm, value }];
          });
          if (known.length === 0) return null;
          return (
            <Stack key={measure} gap={4}>
              <Title order={2} size="h4">
                {t(`overview.top_${measure}`)}
              </Title>
              {known
                .sort((one, other) => other.value - one.value)
                .slice(0, shown)
                .map(({ vm, value }) => (
                  <Group key={vm.id} gap="xs" wrap="nowrap" data-top={measure}>
                    <Anchor
                      component={Link}
                      to={`/machines/${encodeURIComponent(vm.id)}?tab=metrics`}
                      size="sm"
                      w={160}
                      truncate
                    >
                      {vm.name}
                    </Anchor>
                    <Progress flex={1} value={Math.min(100, value)} aria-label={vm.name} />
                    <Text size="sm" w={56} ta="right">
                      {formatPercent(value)}
                    </Text>
                  </Group>
                ))}
            </Stack>
          );
        })}
      </SimpleGrid>
      {vms.length === mostMeasured && (
        <Text size="sm">{t('overview.topOf', { number: formatNumber(mostMeasured) })}</Text>
      )}
    </section>
  );
}
