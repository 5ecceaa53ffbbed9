import { ApiProblem } from '@polyvirt/api-client';
import { Button, Group, Modal, Stack, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/changes.ts';
import type { Vm } from '../api/client.ts';
import { useHosts } from '../machines/use-obstacle.ts';
import { useChange } from '../ui/change.ts';
import { faultsOf } from '../ui/faults.ts';
import { PlanView, useReview } from '../ui/plan.tsx';
import { ProblemAlert } from '../ui/states.tsx';

export function CloneDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChange();
  const linkedFeature = useHosts().get(vm.host)?.capabilities.clone.features?.['linked'];
  const noLinked = linkedFeature && !linkedFeature.available ? (linkedFeature.reason ?? t('hosts.missing')) : undefined;
  const [name, setName] = useState(`${vm.name}-2`);
  const [linked, setLinked] = useState(false);
  const [start, setStart] = useState(false);
  const ready = name.trim() !== '';
  const call = calls.clone(vm.id, { name: name.trim(), linked, start });
  const review = useReview(call);
  const refusal = change.error ?? review.error;
  const taken = refusal instanceof ApiProblem && refusal.code === 'name-taken' ? refusal.problem.detail : undefined;
  const nameFault = taken ?? faultsOf(refusal)('/name');
  const clone = () => {
    if (!ready) return;
    if (review.plan) change.mutate({ call }, { onSuccess: onClose });
    else {
      change.reset();
      review.ask();
    }
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('clone.title', { name: vm.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          clone();
        }}
      >
        <Stack>
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
          <PlanView review={review} call={call} />
          {refusal && nameFault === undefined && <ProblemAlert error={refusal} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button
              type="submit"
              loading={change.isPending || review.isPending}
              {...(!ready && { 'data-disabled': true, 'aria-disabled': true })}
            >
              {review.plan ? t('machine.clone') : t('plan.review')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
