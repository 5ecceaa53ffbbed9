import { ApiProblem } from '@polyvirt/api-client';
import { Anchor, Badge, Button, Group, Menu, Stack, Tabs, Text, Title } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { skipToken, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls, type PowerVerb } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { DeleteDialog } from '../machines/delete-dialog.tsx';
import { ForceDialog, type ForcedAction } from '../machines/force-dialog.tsx';
import { MachineMenu } from '../machines/machine-menu.tsx';
import { useHosts, useObstacle } from '../machines/use-obstacle.ts';
import { goneKey, goneVms } from '../live/cache.ts';
import { machineRoute, machineTabs, type MachineTab } from '../routes/router.tsx';
import { Ago } from '../ui/ago.tsx';
import { useQuickChange } from '../ui/change.ts';
import { CopyButton } from '../ui/copy.tsx';
import { useKeys } from '../ui/keys.ts';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { StateMark } from '../ui/state-mark.tsx';
import { TemplateMark } from '../ui/template-mark.tsx';
import { Empty, Guarded, Loading, QueryView } from '../ui/states.tsx';
import { AwaitAddress } from './await-address.tsx';
import { Devices } from './devices.tsx';
import { MachineArchive } from './machine-archive.tsx';
import { MachineDefinition } from './machine-definition.tsx';
import { MachineEvents } from './machine-events.tsx';
import { MachineOperations } from './machine-operations.tsx';
import { MachineOverview } from './machine-overview.tsx';
import { Snapshots } from './snapshots.tsx';
import { solid } from '../ui/colours.ts';

// Charts and the screen are large, and many visits need neither.
const MachineMetrics = lazy(() => import('./machine-metrics.tsx'));
const MachineConsole = lazy(() => import('./machine-console.tsx'));

export function Machine() {
  return (
    <Guarded permission="vm:read">
      <Known />
    </Guarded>
  );
}

function Known() {
  const { t } = useTranslation();
  const { vmId } = machineRoute.useParams();
  const vm = useQuery(queries.vm(vmId));
  const { data: gone } = useQuery({ queryKey: goneKey(vmId), queryFn: skipToken, initialData: goneVms.has(vmId) });
  if (gone || (vm.error instanceof ApiProblem && vm.error.code === 'vm-not-found'))
    return (
      <Empty title={t('machine.gone')}>
        <Text>{vm.data?.name ?? vmId}</Text>
        <Anchor component={Link} to="/archive" search={{ vm: vmId } as never}>
          {t('machine.toArchive')}
        </Anchor>
        <Anchor component={Link} to="/machines">
          {t('nav.machines')}
        </Anchor>
      </Empty>
    );
  return <QueryView of={vm}>{(known) => <Page vm={known} />}</QueryView>;
}

/** A pending change by the field that it is of. */
const fieldOf = ({ pointer }: { pointer: string }): string => pointer.slice(1);

const main: readonly PowerVerb[] = ['start', 'stop', 'restart'];

function Page({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { tab = 'overview', await: awaited } = machineRoute.useSearch();
  const obstacle = useObstacle();
  const change = useQuickChange();
  const hosts = useHosts();
  const [deleting, setDeleting] = useState(false);
  const [forced, setForced] = useState<ForcedAction>();
  const stale = hosts.get(vm.host)?.state === 'offline';

  const search = (next: { tab?: MachineTab; await?: 'address' | undefined }) =>
    void navigate({
      to: '/machines/$vmId',
      params: { vmId: vm.id },
      search: (was: object) => ({ ...was, ...next }),
      replace: true,
    } as never);
  const show = (tab: MachineTab) => search({ tab });
  const step = (by: number) =>
    show(machineTabs[(machineTabs.indexOf(tab) + by + machineTabs.length) % machineTabs.length]!);
  useKeys({
    '[': () => step(-1),
    ']': () => step(1),
    s: () => obstacle('start', vm) === undefined && change(calls.power(vm.id, 'start')),
    t: () => obstacle('stop', vm) === undefined && change(calls.power(vm.id, 'stop')),
    Delete: () => obstacle('delete', vm) === undefined && setDeleting(true),
  });

  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Stack gap={2} miw={0}>
          <Group gap="xs">
            <Title order={1} size="h2">
              {vm.name}
            </Title>
            <StateMark state={vm.state} busy={vm.operation !== undefined} stale={stale} />
            <TemplateMark vm={vm} />
            {vm.protected && <IconLock size={18} role="img" aria-label={t('machine.protected')} />}
            {vm.simulated && <Badge color={solid.mark}>{t('hosts.simulated')}</Badge>}
            {(vm.pendingChanges?.length ?? 0) > 0 && (
              <Badge color={solid.warn}>
                {t('machine.pending', { fields: vm.pendingChanges!.map(fieldOf).join(', ') })}
              </Badge>
            )}
          </Group>
          <Group gap={4}>
            <Text size="sm">
              {vm.host} · {vm.id}
            </Text>
            <CopyButton value={vm.id} label={t('common.copyId')} />
            {stale && (
              <Text size="sm">
                {t('machine.seen')} <Ago at={vm.observedAt} />
              </Text>
            )}
          </Group>
        </Stack>
        <Group gap="xs">
          {main.map((verb) => (
            <ReasonedButton
              key={verb}
              variant={verb === 'start' ? 'filled' : 'default'}
              reason={obstacle(verb, vm)}
              onClick={() => change(calls.power(vm.id, verb))}
            >
              {t(`verb.${verb}`)}
            </ReasonedButton>
          ))}
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default">{t('machines.actions')}</Button>
            </Menu.Target>
            <Menu.Dropdown>
              <MachineMenu vm={vm} onDelete={() => setDeleting(true)} onForce={setForced} />
            </Menu.Dropdown>
          </Menu>
        </Group>
      </Group>
      {awaited === 'address' && <AwaitAddress vm={vm} onClose={() => search({ await: undefined })} />}
      <Tabs value={tab} onChange={(next) => show(next as MachineTab)} keepMounted={false}>
        <Tabs.List mb="sm">
          {machineTabs.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {t(`tab.${name}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="overview">
          <MachineOverview vm={vm} onAwaitAddress={() => search({ await: 'address' })} />
        </Tabs.Panel>
        <Tabs.Panel value="metrics">
          <Suspense fallback={<Loading />}>
            <MachineMetrics vm={vm} />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="console">
          <Suspense fallback={<Loading />}>
            <MachineConsole vm={vm} />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="snapshots">
          <Snapshots vm={vm} />
        </Tabs.Panel>
        <Tabs.Panel value="devices">
          <Devices vm={vm} />
        </Tabs.Panel>
        <Tabs.Panel value="events">
          <MachineEvents vm={vm} />
        </Tabs.Panel>
        <Tabs.Panel value="operations">
          <MachineOperations vm={vm} />
        </Tabs.Panel>
        <Tabs.Panel value="definition">
          <MachineDefinition vm={vm} />
        </Tabs.Panel>
        <Tabs.Panel value="archive">
          <MachineArchive vmId={vm.id} />
        </Tabs.Panel>
      </Tabs>
      {forced && <ForceDialog vm={vm} action={forced} onClose={() => setForced(undefined)} />}
      {deleting && <DeleteDialog vm={vm} onClose={() => setDeleting(false)} />}
    </Stack>
  );
}
