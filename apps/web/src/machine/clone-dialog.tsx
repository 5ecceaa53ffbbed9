import { ApiProblem } from '@polyvirt/api-client';
import { Modal, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { Vm } from '../api/client.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { faultsOf } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';

export function CloneDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const noLinked = useLack(vm.host)('clone', 'linked');
  const [name, setName] = useState(`${vm.name}-2`);
  const [linked, setLinked] = useState(false);
  const [start, setStart] = useState(false);
  const ready = name.trim() !== '';
  const call = calls.clone(vm.id, { name: name.trim(), linked, start });
  const planned = usePlanned(call, { isReady: ready, onDone: onClose });
  const { refusal } = planned;
  const taken = refusal instanceof ApiProblem && refusal.code === 'name-taken' ? refusal.problem.detail : undefined;
  const nameFault = taken ?? faultsOf(refusal)('/name');
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('clone.title', { name: vm.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <PlannedForm planned={planned} verb={t('machine.clone')} isPlaced={nameFault !== undefined} onCancel={onClose}>
        <TextInput
          label={t('column.name')}
          value={name}
          error={nameFault}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          data-autofocus
        />
        <Switch
          label={t('clone.linked')}
          description={noLinked}
          disabled={noLinked !== undefined}
          checked={linked}
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
