import { Select, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Host, Volume } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatGiB } from '../i18n/format.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { Dialog } from '../ui/dialog.tsx';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ProblemAlert } from '../ui/states.tsx';

const typingMs = 150;

/** Gives a volume to a machine of its host. */
export function AttachVolumeDialog({ host, volume, onClose }: { host: Host; volume: Volume; onClose: () => void }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<{ id: string; name: string }>();
  const [q] = useDebouncedValue(typed === chosen?.name ? '' : typed, typingMs);
  const found = useQuery({ ...queries.machinesOf(host.id, q), placeholderData: keepPreviousData });
  const vm = found.data?.find(({ id }) => id === chosen?.id);
  const reason = vm && obstacle('addDisk', vm);
  const planned = usePlanned(calls.addDisk(chosen?.id ?? '', { volume: volume.id }), {
    isReady: chosen !== undefined && reason === undefined,
    onDone: onClose,
  });
  const machines = [...(chosen && !vm ? [chosen] : []), ...(found.data ?? [])];
  return (
    <Dialog title={t('volumes.attachOf', { name: volume.name })} onClose={onClose}>
      <PlannedForm planned={planned} verb={t('volumes.attachIt')} isPlaced={false} onCancel={onClose}>
        <Text size="sm">
          {formatGiB(volume.sizeGiB)} {volume.path}
        </Text>
        <Select
          label={t('volumes.machine')}
          searchable
          data={machines.map(({ id, name }) => ({ value: id, label: name }))}
          // What is found is found by the gateway, by more than the name.
          filter={({ options }) => options}
          nothingFoundMessage={t('machines.noMatch')}
          searchValue={typed}
          onSearchChange={setTyped}
          value={chosen?.id ?? null}
          error={reason}
          onChange={(id) => setChosen(machines.find((one) => one.id === id))}
          data-autofocus
        />
        {found.isError && <ProblemAlert error={found.error} />}
      </PlannedForm>
    </Dialog>
  );
}
