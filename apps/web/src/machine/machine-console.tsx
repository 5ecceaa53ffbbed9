import { SegmentedControl, Stack } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { consoleKinds, machineRoute, type ConsoleKind } from '../routes/router.tsx';
import { Loading } from '../ui/states.tsx';

// What shows the one is of no use for the other.
const MachineScreen = lazy(() => import('./machine-screen.tsx'));
const MachineTerminal = lazy(() => import('./machine-terminal.tsx'));

/** The screen of the machine, or the terminal at its serial port. */
export default function MachineConsole({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const lack = useLack(vm.host);
  const hasScreen = vm.display !== false && lack('console', 'graphic') === undefined;
  const hasTerminal = vm.serialPort !== false && lack('console', 'text') === undefined;
  const { console: kind = hasScreen || !hasTerminal ? 'graphic' : 'text' } = machineRoute.useSearch();
  const show = (next: ConsoleKind) =>
    void navigate({
      to: '/machines/$vmId',
      params: { vmId: vm.id },
      search: (was: object) => ({ ...was, console: next }),
      replace: true,
    } as never);
  return (
    <Stack gap="xs" align="stretch">
      <SegmentedControl
        style={{ alignSelf: 'flex-start' }}
        aria-label={t('console.kind')}
        value={kind}
        onChange={(next) => show(next as ConsoleKind)}
        data={consoleKinds.map((value) => ({ value, label: t(`console.kind_${value}`) }))}
      />
      <Suspense fallback={<Loading />}>
        {kind === 'text' ? <MachineTerminal key={vm.id} vm={vm} /> : <MachineScreen vm={vm} />}
      </Suspense>
    </Stack>
  );
}
