import { Anchor, Badge, Card, Group, List, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Host } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatGiB, formatMiB, formatNumber } from '../i18n/format.ts';
import { Ago } from '../ui/ago.tsx';
import { Empty, Guarded, PageTitle, QueryView } from '../ui/states.tsx';
import { solid } from '../ui/colours.ts';

export function Hosts() {
  const { t } = useTranslation();
  return (
    <Guarded permission="host:read">
      <PageTitle title={t('nav.hosts')} />
      <All />
    </Guarded>
  );
}

function All() {
  const { t } = useTranslation();
  const hosts = useQuery(queries.hosts());
  return (
    <QueryView of={hosts}>
      {(list) =>
        list.length === 0 ? (
          <Empty title={t('hosts.none')}>
            <Text>{t('hosts.noneDetail')}</Text>
          </Empty>
        ) : (
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            {list.map((host) => (
              <HostCard key={host.id} host={host} />
            ))}
          </SimpleGrid>
        )
      }
    </QueryView>
  );
}

const colours = { ready: solid.good, draining: solid.warn, offline: solid.bad, joining: solid.mark } as const;

export function HostCard({ host }: { host: Host }) {
  const { t } = useTranslation();
  const { id, hypervisor, simulated, state, health, version, totals, capacity, capabilities, lastSeenAt, notes } = host;
  const used = capacity.memoryMiB !== undefined ? (100 * totals.memoryMiB) / capacity.memoryMiB : undefined;
  return (
    <Card withBorder component="section" aria-label={id} data-host={state}>
      <Stack gap="xs">
        <Group justify="space-between">
          <Title order={2} size="h4">
            {id}
          </Title>
          <Group gap={4}>
            {simulated && <Badge color={solid.mark}>{t('hosts.simulated')}</Badge>}
            <Badge color={colours[state]}>{t(`hostState.${state}`)}</Badge>
          </Group>
        </Group>
        <Text size="sm">
          {t(`hypervisor.${hypervisor}`)} {version} · {health.detail}
        </Text>
        <Text size="sm">
          {t('hosts.seen')} <Ago at={lastSeenAt} />
        </Text>
        <Text size="sm">
          <Anchor component={Link} underline="always" to="/machines" search={{ q: `host:${id}` } as never}>
            {t('hosts.machines', { count: totals.vms })}
          </Anchor>{' '}
          · {t('hosts.cpus', { given: formatNumber(totals.cpus), all: formatNumber(capacity.cpus) })} ·{' '}
          {t('hosts.memory', { given: formatMiB(totals.memoryMiB), all: formatMiB(capacity.memoryMiB) })}
        </Text>
        {used !== undefined && <Progress value={Math.min(100, used)} aria-label={t('hosts.memoryGiven')} />}
        {capacity.storageGiB !== undefined && capacity.storageFreeGiB !== undefined && (
          <Text size="sm">
            {t('hosts.storage', { free: formatGiB(capacity.storageFreeGiB), all: formatGiB(capacity.storageGiB) })}
          </Text>
        )}
        {notes.length > 0 && (
          <List size="sm">
            {notes.map((note) => (
              <List.Item key={note}>{note}</List.Item>
            ))}
          </List>
        )}
        <details>
          <summary>{t('hosts.capabilities')}</summary>
          <List size="sm">
            {Object.entries(capabilities).map(([name, { available, reason }]) => (
              <List.Item key={name}>
                {name}: {available ? t('hosts.available') : (reason ?? t('hosts.missing'))}
              </List.Item>
            ))}
          </List>
        </details>
      </Stack>
    </Card>
  );
}
