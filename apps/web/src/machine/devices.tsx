import { Stack } from '@mantine/core';
import { useCallback, useMemo, useState } from 'react';
import type { Metrics, Vm } from '../api/client.ts';
import { useReadings } from '../live/live.tsx';
import { BootOrder } from './boot-order.tsx';
import { Cdrom } from './cdrom.tsx';
import { Disks } from './disks.tsx';
import { Nics } from './nics.tsx';
import { PendingChanges } from './pending-changes.tsx';

/** What the machine has of disks, media and interfaces; every change shows its plan first. */
export function Devices({ vm }: { vm: Vm }) {
  const reading = useLatestReading(vm);
  return (
    <Stack>
      <PendingChanges vm={vm} />
      <Disks vm={vm} reading={reading} />
      <Cdrom vm={vm} />
      <BootOrder vm={vm} />
      <Nics vm={vm} reading={reading} />
    </Stack>
  );
}

/** The latest reading of a machine that runs. */
function useLatestReading(vm: Vm): Metrics | undefined {
  const [reading, setReading] = useState<Metrics>();
  const ids = useMemo(() => [vm.id], [vm.id]);
  useReadings(
    ids,
    useCallback(
      (readings: Metrics[]) => setReading((known) => readings.findLast(({ vmId }) => ids.includes(vmId)) ?? known),
      [ids],
    ),
  );
  return vm.state === 'running' && reading?.vmId === vm.id ? reading : undefined;
}
