import { NumberInput, Select, Switch, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { AddDiskInput, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatGiB } from '../i18n/format.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ProblemAlert } from '../ui/states.tsx';

const sources = ['blank', 'image', 'volume'] as const;
type Source = (typeof sources)[number];

export function AddDiskDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const noVolumes = useLack(vm.host)('reconfigure', 'attachVolumes');
  const [source, setSource] = useState<Source>('blank');
  const [size, setSize] = useState<number | string>('');
  const [image, setImage] = useState<string | null>(null);
  const [full, setFull] = useState(false);
  const [volume, setVolume] = useState<string | null>(null);
  const offer = useQuery(queries.hostOffer(vm.host));
  const volumes = useQuery({ ...queries.volumes(vm.host), enabled: source === 'volume' });
  const images = offer.data?.images.filter(({ kind }) => kind === 'disk') ?? [];

  const sized = typeof size === 'number' ? { sizeGiB: size } : {};
  const bodies: Record<Source, AddDiskInput> = {
    blank: sized,
    image: { ...(image !== null && { image }), ...sized, ...(full && { copy: 'full' as const }) },
    volume: volume === null ? {} : { volume },
  };
  const isReady = { blank: typeof size === 'number', image: image !== null, volume: volume !== null }[source];
  const planned = usePlanned(calls.addDisk(vm.id, bodies[source]), { isReady, onDone: onClose });
  const { refusal } = planned;
  const fault = faultsOf(refusal);
  const shown = { blank: ['/sizeGiB'], image: ['/sizeGiB', '/image'], volume: ['/volume'] }[source];
  const failed = offer.error ?? volumes.error;
  return (
    <Dialog title={t('devices.addDisk')} onClose={onClose}>
      <PlannedForm planned={planned} verb={t('devices.addDisk')} isPlaced={isAllAt(refusal, shown)} onCancel={onClose}>
        <Select
          label={t('create.from')}
          allowDeselect={false}
          data={sources.map((value) => ({
            value,
            label: t(`devices.from_${value}`),
            disabled: value === 'volume' && noVolumes !== undefined,
          }))}
          description={noVolumes}
          value={source}
          onChange={(value) => setSource(value as Source)}
          data-autofocus
        />
        {source === 'image' && (
          <Select
            label={t('create.image')}
            searchable
            data={images.map(({ name, sizeGiB }) => ({
              value: name,
              label: sizeGiB === undefined ? name : `${name} · ${formatGiB(sizeGiB)}`,
            }))}
            value={image}
            error={fault('/image')}
            onChange={setImage}
          />
        )}
        {source !== 'volume' && (
          <NumberInput
            label={t('devices.size')}
            description={source === 'image' ? t('create.diskOfImage') : undefined}
            min={1}
            allowDecimal={false}
            suffix=" GiB"
            value={size}
            error={fault('/sizeGiB')}
            onChange={setSize}
          />
        )}
        {source === 'image' && (
          <Switch
            label={t('devices.fullCopy')}
            checked={full}
            onChange={({ currentTarget }) => setFull(currentTarget.checked)}
          />
        )}
        {source === 'volume' &&
          (volumes.data?.length === 0 ? (
            <Text>{t('devices.noVolumes', { host: vm.host })}</Text>
          ) : (
            <Select
              label={t('devices.volume')}
              searchable
              data={(volumes.data ?? []).map(({ id, name, sizeGiB }) => ({
                value: id,
                label: `${name} · ${formatGiB(sizeGiB)}`,
              }))}
              value={volume}
              error={fault('/volume')}
              onChange={setVolume}
            />
          ))}
        {failed && <ProblemAlert error={failed} />}
      </PlannedForm>
    </Dialog>
  );
}
