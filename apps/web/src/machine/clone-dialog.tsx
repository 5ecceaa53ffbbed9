import { ApiProblem } from '@polyvirt/api-client';
import { Modal, NumberInput, Select, Switch, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { readLabels } from '../ui/labels.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { areWhole, CloneNics, nicInputOf, type NicDraft } from './clone-nics.tsx';

export function CloneDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const lack = useLack(vm.host);
  const snapshots = useQuery({ ...queries.snapshots(vm.id), enabled: vm.snapshotCount > 0 });
  const [snapshot, setSnapshot] = useState<string | null>(null);
  const noLinked = lack('clone', 'linked') ?? (snapshot === null ? undefined : lack('clone', 'linkedOfSnapshot'));
  const [name, setName] = useState(`${vm.name}-2`);
  const [linked, setLinked] = useState(false);
  const [start, setStart] = useState(false);
  const [cpus, setCpus] = useState<number | string>('');
  const [memoryMiB, setMemoryMiB] = useState<number | string>('');
  const [labels, setLabels] = useState('');
  const [userData, setUserData] = useState('');
  const [nics, setNics] = useState<readonly NicDraft[] | undefined>();
  const ready = name.trim() !== '' && (nics === undefined || areWhole(nics));
  const call = calls.clone(vm.id, {
    name: name.trim(),
    linked: linked && noLinked === undefined,
    ...(snapshot !== null && { snapshot }),
    start,
    ...(typeof cpus === 'number' && { cpus }),
    ...(typeof memoryMiB === 'number' && { memoryMiB }),
    ...(nics && { nics: nics.map(nicInputOf) }),
    ...(labels.trim() !== '' && { labels: readLabels(labels) }),
    ...(userData.trim() !== '' && { cloudInit: { userData } }),
  });
  const planned = usePlanned(call, { isReady: ready, onDone: onClose });
  const { refusal } = planned;
  const taken = refusal instanceof ApiProblem && refusal.code === 'name-taken' ? refusal.problem.detail : undefined;
  const fault = faultsOf(refusal);
  const nameFault = taken ?? fault('/name');
  const isPlaced =
    nameFault !== undefined || isAllAt(refusal, ['/snapshot', '/cpus', '/memoryMiB', '/nics', '/labels']);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('clone.title', { name: vm.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <PlannedForm planned={planned} verb={t('machine.clone')} isPlaced={isPlaced} onCancel={onClose}>
        <TextInput
          label={t('column.name')}
          value={name}
          error={nameFault}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          data-autofocus
        />
        {vm.snapshotCount > 0 && (
          <Select
            label={t('clone.from')}
            placeholder={t('clone.fromNow')}
            clearable
            data={(snapshots.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
            value={snapshot}
            error={fault('/snapshot')}
            onChange={setSnapshot}
          />
        )}
        <NumberInput
          label={t('column.cpus')}
          placeholder={vm.cpus === undefined ? '' : String(vm.cpus)}
          min={1}
          value={cpus}
          error={fault('/cpus')}
          onChange={setCpus}
        />
        <NumberInput
          label={t('edit.memory')}
          placeholder={vm.memoryMiB === undefined ? '' : String(vm.memoryMiB)}
          min={1}
          value={memoryMiB}
          error={fault('/memoryMiB')}
          onChange={setMemoryMiB}
          suffix=" MiB"
        />
        <CloneNics host={vm.host} nics={nics} fault={fault} onChange={setNics} />
        <TextInput
          label={t('edit.labels')}
          value={labels}
          error={fault('/labels')}
          onChange={({ currentTarget }) => setLabels(currentTarget.value)}
        />
        <Textarea
          label={t('clone.userData')}
          autosize
          minRows={2}
          maxRows={8}
          value={userData}
          onChange={({ currentTarget }) => setUserData(currentTarget.value)}
        />
        <Switch
          label={t('clone.linked')}
          description={noLinked}
          disabled={noLinked !== undefined}
          checked={linked && noLinked === undefined}
          onChange={({ currentTarget }) => setLinked(currentTarget.checked)}
        />
        <Switch
          label={t('create.start')}
          checked={start}
          onChange={({ currentTarget }) => setStart(currentTarget.checked)}
        />
      </PlannedForm>
    </Modal>
  );
}
