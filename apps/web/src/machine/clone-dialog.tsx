import { ApiProblem } from '@polyvirt/api-client';
import { Modal, Select, Switch, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';

export function CloneDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const lack = useLack(vm.host);
  const snapshots = useQuery({ ...queries.snapshots(vm.id), enabled: vm.snapshotCount > 0 });
  const [snapshot, setSnapshot] = useState<string | null>(null);
  const noLinked = lack('clone', 'linked') ?? (snapshot === null ? undefined : lack('clone', 'linkedOfSnapshot'));
  const [name, setName] = useState(`${vm.name}-2`);
  const [linked, setLinked] = useState(false);
  const [start, setStart] = useState(false);
  const ready = name.trim() !== '';
  const call = calls.clone(vm.id, {
    name: name.trim(),
    linked: linked && noLinked === undefined,
    ...(snapshot !== null && { snapshot }),
    start,
  });
  const planned = usePlanned(call, { isReady: ready, onDone: onClose });
  const { refusal } = planned;
  const taken = refusal instanceof ApiProblem && refusal.code === 'name-taken' ? refusal.problem.detail : undefined;
  const nameFault = taken ?? faultsOf(refusal)('/name');
  const isPlaced = nameFault !== undefined || isAllAt(refusal, ['/snapshot']);
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
            error={faultsOf(refusal)('/snapshot')}
            onChange={setSnapshot}
          />
        )}
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
