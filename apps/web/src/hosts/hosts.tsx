import { Anchor, Badge, Card, Group, List, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { memo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Host } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatGiB, formatMiB, formatNumber } from '../i18n/format.ts';
import { useLink } from '../live/live.tsx';
import { useForbidden } from '../session/use-forbidden.ts';
import { Ago } from '../ui/ago.tsx';
import { solid } from '../ui/colours.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { Empty, Guarded, PageTitle, QueryView } from '../ui/states.tsx';
import { TimeLeft, useIsOver } from '../ui/time-left.tsx';
import { AddHostDialog } from './add-host-dialog.tsx';
import { HostActions } from './host-actions.tsx';

export function Hosts() {
  return (
    <Guarded permission="host:read">
      <All />
    </Guarded>
  );
}

function All() {
  const { t } = useTranslation();
  const hosts = useQuery(queries.hosts());
  const forbidden = useForbidden()('host:manage');
  const isLost = useLink().state === 'lost';
  const [isAdding, setAdding] = useState(false);
  const add = (
    <ReasonedButton reason={forbidden ?? (isLost ? t('obstacle.link') : undefined)} onClick={() => setAdding(true)}>
      {t('hosts.add')}
    </ReasonedButton>
  );
  return (
    <>
      <PageTitle title={t('nav.hosts')}>{hosts.data?.length !== 0 && add}</PageTitle>
      <QueryView of={hosts}>
        {(list) =>
          list.length === 0 ? (
            <Empty title={t('hosts.none')}>
              <Text ta="center" maw={480}>
                {t('hosts.noneDetail')}
              </Text>
              {add}
            </Empty>
          ) : (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              {list.map((host) => (
                <ManagedHost key={host.id} host={host} />
              ))}
            </SimpleGrid>
          )
        }
      </QueryView>
      {isAdding && <AddHostDialog onClose={() => setAdding(false)} />}
    </>
  );
}

/** Drawn again only when something of it is different: there may be hundreds. */
const ManagedHost = memo(function ManagedHost({ host }: { host: Host }) {
  return (
    <HostCard host={host}>
      <HostActions host={host} />
    </HostCard>
  );
});

const colours = { ready: solid.good, draining: solid.warn, offline: solid.bad, joining: solid.mark } as const;

export function HostCard({ host, children }: { host: Host; children?: ReactNode }) {
  const { t } = useTranslation();
  const { id, hypervisor, simulated, state, health, version, totals, capacity, capabilities, lastSeenAt, notes } = host;
  const { join, drain } = host;
  const used = capacity.memoryMiB !== undefined ? (100 * totals.memoryMiB) / capacity.memoryMiB : undefined;
  return (
    <Card withBorder component="section" aria-label={id} data-host={state} data-card>
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
        {state === 'offline' && lastSeenAt !== undefined && (
          <Text size="sm">
            {t('hosts.seen')} <Ago at={lastSeenAt} />
          </Text>
        )}
        {join?.tokenExpiresAt !== undefined && <LineLeft until={join.tokenExpiresAt} />}
        {join?.joinedAt !== undefined && (
          <Text size="sm">
            {t('hosts.joined', { address: join.joinedFrom ?? '' })} <Ago at={join.joinedAt} />
          </Text>
        )}
        {drain && (
          <Text size="sm" role="note">
            {t('hosts.drainedBy', { name: drain.by })} <Ago at={drain.since} />
          </Text>
        )}
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
        {children}
      </Stack>
    </Card>
  );
}

function LineLeft({ until }: { until: string }) {
  const { t } = useTranslation();
  const isOver = useIsOver(until);
  return (
    <Text size="sm" role="note">
      {isOver ? (
        t('hosts.expired')
      ) : (
        <>
          {t('hosts.left')} <TimeLeft until={until} />
        </>
      )}
    </Text>
  );
}
