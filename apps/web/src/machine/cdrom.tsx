import { Select, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { DeviceSection } from './device-section.tsx';

export function Cdrom({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const [asked, setAsked] = useState<'insert' | 'eject'>();
  const { cdrom } = vm;
  const isEmpty = cdrom === undefined || cdrom === null;
  const obstacles = obstacle('cdrom', vm);
  return (
    <DeviceSection
      vm={vm}
      title={t('create.cdrom')}
      live={['cdromLive']}
      actions={
        <>
          <ReasonedButton size="xs" variant="default" reason={obstacles} onClick={() => setAsked('insert')}>
            {t(isEmpty ? 'devices.insert' : 'devices.exchange')}
          </ReasonedButton>
          <ReasonedButton
            size="xs"
            variant="default"
            reason={obstacles ?? (isEmpty ? t('devices.driveEmpty') : undefined)}
            onClick={() => setAsked('eject')}
          >
            {t('devices.eject')}
          </ReasonedButton>
        </>
      }
    >
      <Text data-cdrom={cdrom ?? ''}>{cdrom ?? t(cdrom === null ? 'devices.driveEmpty' : 'devices.noDrive')}</Text>
      {asked === 'insert' && <InsertDialog vm={vm} onClose={() => setAsked(undefined)} />}
      {asked === 'eject' && <EjectDialog vm={vm} onClose={() => setAsked(undefined)} />}
    </DeviceSection>
  );
}

function InsertDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const offer = useQuery(queries.hostOffer(vm.host));
  const isos = offer.data?.images.filter(({ kind }) => kind === 'iso');
  const [image, setImage] = useState<string | null>(null);
  const planned = usePlanned(calls.cdrom(vm.id, image), { isReady: image !== null, onDone: onClose });
  const { refusal } = planned;
  return (
    <Dialog title={t('devices.insert')} onClose={onClose}>
      <PlannedForm
        planned={planned}
        verb={t('devices.insert')}
        isPlaced={isAllAt(refusal, ['/image'])}
        onCancel={onClose}
      >
        {isos?.length === 0 ? (
          <Text>{t('devices.noIsos', { host: vm.host })}</Text>
        ) : (
          <Select
            label={t('create.image')}
            searchable
            data={(isos ?? []).map(({ name }) => name)}
            value={image}
            error={faultsOf(refusal)('/image')}
            onChange={setImage}
            data-autofocus
          />
        )}
        {offer.isError && <ProblemAlert error={offer.error} />}
      </PlannedForm>
    </Dialog>
  );
}

function EjectDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const planned = usePlanned(calls.cdrom(vm.id, null), { isReady: true, atOnce: true, onDone: onClose });
  return (
    <Dialog title={t('devices.ejectOf', { image: vm.cdrom ?? '' })} onClose={onClose}>
      <PlannedForm planned={planned} verb={t('devices.eject')} isPlaced={false} onCancel={onClose} />
    </Dialog>
  );
}
