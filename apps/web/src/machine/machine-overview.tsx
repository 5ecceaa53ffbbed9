import { Button, Card, Group, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { formatGiB, formatMiB, formatNumber, unknown } from '../i18n/format.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { Ago } from '../ui/ago.tsx';
import { useKeys } from '../ui/keys.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { CloneDialog } from './clone-dialog.tsx';
import { EditDialog } from './edit-dialog.tsx';
import { Addresses, useGuestFacts } from './guest-facts.tsx';
import { PendingChanges } from './pending-changes.tsx';

/** What the machine is made of, where it is found, and what was noted about it. */
export function MachineOverview({ vm, onAwaitAddress }: { vm: Vm; onAwaitAddress: () => void }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const [editing, setEditing] = useState(false);
  const [cloning, setCloning] = useState(false);
  const guest = useGuestFacts(vm);
  const edit = obstacle('edit', vm);
  useKeys({ e: () => edit === undefined && setEditing(true) });
  return (
    <Stack>
      {vm.unreadable !== undefined && <Text role="alert">{vm.unreadable}</Text>}
      <PendingChanges vm={vm} />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Facts
          title={t('machine.hardware')}
          action={
            <Group gap="xs">
              <ReasonedButton size="xs" variant="default" reason={edit} onClick={() => setEditing(true)}>
                {t('common.edit')}
              </ReasonedButton>
              <ReasonedButton
                size="xs"
                variant="default"
                reason={obstacle('clone', vm)}
                onClick={() => setCloning(true)}
              >
                {t('machine.clone')}
              </ReasonedButton>
            </Group>
          }
          rows={[
            [t('column.cpus'), formatNumber(vm.cpus)],
            [t('column.memoryMiB'), formatMiB(vm.memoryMiB)],
            [t('machine.firmware'), vm.firmware ?? unknown],
            ...vm.disks.map(({ device, sizeGiB, path }): [string, ReactNode] => [
              t('machine.disk', { device }),
              `${formatGiB(sizeGiB)} ${path ?? ''}`,
            ]),
          ]}
        />
        <Facts
          title={t('machine.network')}
          action={
            vm.state === 'running' &&
            vm.nics.length > 0 &&
            vm.nics.every(({ addresses }) => addresses.length === 0) && (
              <Button size="xs" variant="default" onClick={onAwaitAddress}>
                {t('awaitAddress.ask')}
              </Button>
            )
          }
          rows={vm.nics.map(({ mac, network, addresses }, index): [string, ReactNode] => [
            `${network ?? unknown} ${mac ?? ''}`,
            addresses.length === 0 ? t('machine.noAddress') : <Addresses key={index} of={addresses} />,
          ])}
        />
        <Facts
          title={t('machine.guest')}
          rows={[
            ...guest,
            [t('column.createdAt'), <Ago key="created" at={vm.createdAt} />],
            [t('column.observedAt'), <Ago key="observed" at={vm.observedAt} />],
          ]}
        />
        <Facts
          title={t('machine.annotations')}
          rows={[
            [
              t('column.labels'),
              Object.entries(vm.labels)
                .map(([key, value]) => `${key}=${value}`)
                .join(', ') || unknown,
            ],
            [t('machine.notes'), vm.notes || unknown],
            [t('machine.protected'), t(vm.protected ? 'common.yes' : 'common.no')],
            [t('machine.template'), t(vm.template ? 'common.yes' : 'common.no')],
            ...(vm.autostart === undefined
              ? []
              : [[t('machine.autostart'), t(vm.autostart ? 'common.yes' : 'common.no')] as const]),
          ]}
        />
      </SimpleGrid>
      {editing && <EditDialog vm={vm} onClose={() => setEditing(false)} />}
      {cloning && <CloneDialog vm={vm} onClose={() => setCloning(false)} />}
    </Stack>
  );
}

function Facts({
  title,
  rows,
  action,
}: {
  title: string;
  rows: readonly (readonly [string, ReactNode])[];
  action?: ReactNode;
}) {
  return (
    <Card withBorder component="section">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          {title}
        </Title>
        {action}
      </Group>
      <Table>
        <Table.Tbody>
          {rows.map(([name, value], index) => (
            <Table.Tr key={index}>
              <Table.Th scope="row" fw={400}>
                {name}
              </Table.Th>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}
