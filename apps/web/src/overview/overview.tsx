import { Alert, Anchor, Button, Card, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Host, VmState } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useRecentEvents } from '../events/use-recent-events.ts';
import { HostCard } from '../hosts/hosts.tsx';
import { formatGiB, formatMiB, formatNumber, formatPercent } from '../i18n/format.ts';
import type { LiveEvent } from '../live/connection.ts';
import { useEvents } from '../live/live.tsx';
import { OperationList } from '../operations/operation-list.tsx';
import { useMay } from '../session/session.tsx';
import { Ago } from '../ui/ago.tsx';
import { StateMark } from '../ui/state-mark.tsx';
import { Empty, PageTitle, QueryView } from '../ui/states.tsx';
import { TopMachines } from './top-machines.tsx';

const states: readonly VmState[] = ['running', 'stopped', 'paused', 'suspended', 'crashed', 'unknown'];
const mostEvents = 20;
/** Part of the storage of a host. */
const fullBelow = 0.1;

/** How everything is, and what has just happened. */
export function Overview() {
  const { t } = useTranslation();
  const may = useMay();
  return (
    <>
      <PageTitle title={t('nav.overview')}>
        {may('vm:create') && (
          <Button component={Link} to="/create">
            {t('machines.create')}
          </Button>
        )}
      </PageTitle>
      <Stack gap="lg">
        {may('vm:read') && <Counts />}
        {may('host:read') && <HostsNow />}
        {may('vm:read') && may('metrics:read') && <TopMachines />}
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          {may('operation:read') && <OperationsNow />}
          <EventsNow />
        </SimpleGrid>
      </Stack>
    </>
  );
}

function Counts() {
  const { t } = useTranslation();
  const may = useMay();
  const summary = useQuery(queries.summary());
  return (
    <QueryView of={summary}>
      {({ vms, load, cpus, memoryMiB }) =>
        vms.total === 0 ? (
          <Empty title={t('machines.none')}>
            {may('vm:create') && (
              <Button component={Link} to="/create">
                {t('machines.create')}
              </Button>
            )}
          </Empty>
        ) : (
          <SimpleGrid cols={{ base: 2, sm: 4, lg: 8 }}>
            {states
              .filter((state) => (vms.byState[state] ?? 0) > 0)
              .map((state) => (
                <Card key={state} withBorder padding="sm">
                  <Anchor component={Link} to="/machines" search={{ q: `state:${state}` } as never} c="inherit">
                    <Text size="xl" fw={700}>
                      {formatNumber(vms.byState[state])}
                    </Text>
                    <StateMark state={state} />
                  </Anchor>
                </Card>
              ))}
            {Object.entries(vms.byHypervisor)
              .filter(([, count]) => count > 0)
              .map(([hypervisor, count]) => (
                <Card key={hypervisor} withBorder padding="sm">
                  <Anchor
                    component={Link}
                    to="/machines"
                    search={{ q: `hypervisor:${hypervisor}` } as never}
                    c="inherit"
                  >
                    <Text size="xl" fw={700}>
                      {formatNumber(count)}
                    </Text>
                    {t(`hypervisor.${hypervisor as 'kvm'}`)}
                  </Anchor>
                </Card>
              ))}
            <Card withBorder padding="sm">
              <Text size="sm">
                {t('overview.cpus', { running: formatNumber(cpus.running), load: formatPercent(load.cpuPercent) })}
              </Text>
              <Text size="sm">
                {t('overview.memory', {
                  running: formatMiB(memoryMiB.running),
                  load: formatPercent(load.memoryPercent),
                })}
              </Text>
            </Card>
          </SimpleGrid>
        )
      }
    </QueryView>
  );
}

function HostsNow() {
  const { t } = useTranslation();
  const hosts = useQuery(queries.hosts());
  return (
    <section aria-label={t('nav.hosts')}>
      <QueryView of={hosts}>
        {(list) => (
          <Stack>
            <HostWarnings hosts={list} />
            {list.length === 0 ? (
              <Empty title={t('hosts.none')}>
                <Text ta="center" maw={480}>
                  {t('hosts.noneDetail')}
                </Text>
                <Button component={Link} variant="default" to="/hosts">
                  {t('nav.hosts')}
                </Button>
              </Empty>
            ) : (
              <SimpleGrid cols={{ base: 1, md: 2, lg: 3 }}>
                {list.slice(0, 6).map((host) => (
                  <HostCard key={host.id} host={host} />
                ))}
              </SimpleGrid>
            )}
          </Stack>
        )}
      </QueryView>
    </section>
  );
}

/** What an operator should see to: hosts that are away, that do not work, or that have hardly any storage left. */
function HostWarnings({ hosts }: { hosts: readonly Host[] }) {
  const { t } = useTranslation();
  return hosts.map(({ id, state, health, lastSeenAt, capacity: { storageGiB, storageFreeGiB } }) => {
    const isFull = storageGiB !== undefined && storageFreeGiB !== undefined && storageFreeGiB < storageGiB * fullBelow;
    const isIll = state !== 'offline' && health.status === 'unhealthy';
    if (state !== 'offline' && !isIll && !isFull) return null;
    return (
      <Alert key={id} color={state === 'offline' || isIll ? 'red' : 'orange'} variant="outline" data-warning={id}>
        {state === 'offline' && (
          <Text size="sm">
            {t('overview.offline', { host: id })} <Ago at={lastSeenAt} />
          </Text>
        )}
        {isIll && <Text size="sm">{t('overview.ill', { host: id, detail: health.detail })}</Text>}
        {isFull && (
          <Text size="sm">
            {t('overview.full', { host: id, free: formatGiB(storageFreeGiB), all: formatGiB(storageGiB) })}
          </Text>
        )}
      </Alert>
    );
  });
}

function OperationsNow() {
  const { t } = useTranslation();
  const list = useQuery(queries.operations());
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('nav.operations')}
      </Title>
      <QueryView of={list}>{(operations) => <OperationList operations={operations.slice(0, 5)} />}</QueryView>
    </section>
  );
}

function EventsNow() {
  const { t } = useTranslation();
  const [events, setEvents] = useState<readonly LiveEvent[]>([]);
  useEvents(useCallback((event) => setEvents((known) => [event, ...known].slice(0, mostEvents)), []));
  const may = useMay();
  const { events: before } = useRecentEvents(may('event:read') ? mostEvents : 0);
  const heard = new Set(events.map(({ id }) => id));
  const shown = [...events, ...before.filter(({ id }) => !heard.has(id))].slice(0, mostEvents);
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('nav.events')}
      </Title>
      {shown.length === 0 && <Text size="sm">{t('overview.noEvents')}</Text>}
      {shown.map(({ id, type, subject, time }) => (
        <Group key={id} gap="xs" wrap="nowrap">
          <Text size="sm" fw={600}>
            {type}
          </Text>
          <Text size="sm" truncate>
            {subject}
          </Text>
          <Text size="sm">
            <Ago at={time} />
          </Text>
        </Group>
      ))}
    </section>
  );
}
