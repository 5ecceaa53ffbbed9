import { ApiProblem } from '@polyvirt/api-client';
import { Button, Group, Modal, NumberInput, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/changes.ts';
import type { EditVmInput, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useChange } from '../ui/change.ts';
import { faultsOf } from '../ui/faults.ts';
import { PlanView, useReview } from '../ui/plan.tsx';
import { ProblemAlert, QueryView } from '../ui/states.tsx';

const written = (labels: Vm['labels']) =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
const read = (text: string): Vm['labels'] =>
  Object.fromEntries(
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean)
      .map((part) => [part.split('=', 1)[0]!.trim(), part.slice(part.indexOf('=') + 1).trim()]),
  );

interface Base {
  readonly vm: Vm;
  readonly etag: string | undefined;
}

export function EditDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const base = useQuery(queries.vmToEdit(vm.id));
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('edit.title', { name: vm.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <QueryView of={base}>{(read) => <EditForm vm={vm} read={read} onClose={onClose} />}</QueryView>
    </Modal>
  );
}

/** Sends only what was changed, and only if nobody else has changed the machine since it was read. */
function EditForm({ vm, read: first, onClose }: { vm: Vm; read: Base; onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const change = useChange();
  const [{ vm: base, etag: ifMatch }, setBase] = useState(first);
  const [name, setName] = useState(first.vm.name);
  const [cpus, setCpus] = useState<number | string>(first.vm.cpus ?? '');
  const [memoryMiB, setMemoryMiB] = useState<number | string>(first.vm.memoryMiB ?? '');
  const [labels, setLabels] = useState(written(first.vm.labels));
  const [notes, setNotes] = useState(first.vm.notes);
  const [isProtected, setProtected] = useState(first.vm.protected);

  const body: EditVmInput = {
    ...(name !== base.name && { name }),
    ...(typeof cpus === 'number' && cpus !== base.cpus && { cpus }),
    ...(typeof memoryMiB === 'number' && memoryMiB !== base.memoryMiB && { memoryMiB }),
    ...(labels !== written(base.labels) && { labels: read(labels) }),
    ...(notes !== base.notes && { notes }),
    ...(isProtected !== base.protected && { protected: isProtected }),
  };
  const empty = Object.keys(body).length === 0;
  const call = calls.edit(vm.id, body);
  const review = useReview(call, ifMatch);
  const refusal = change.error ?? review.error;
  const problem = refusal instanceof ApiProblem ? refusal.problem : undefined;
  const stale = problem?.code === 'stale-revision';
  const fault = faultsOf(refusal);
  const placed = problem?.errors?.some(({ pointer }) =>
    ['/name', '/cpus', '/memoryMiB', '/labels', '/notes'].includes(pointer),
  );
  const save = () => {
    if (empty) return;
    if (review.plan) change.mutate({ call, ...(ifMatch !== undefined && { ifMatch }) }, { onSuccess: onClose });
    else {
      change.reset();
      review.ask();
    }
  };
  const renew = async () => {
    setBase(await cache.fetchQuery({ ...queries.vmToEdit(vm.id), staleTime: 0 }));
    change.reset();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Stack>
        <TextInput
          label={t('column.name')}
          value={name}
          error={fault('/name')}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          data-autofocus
        />
        <NumberInput label={t('column.cpus')} min={1} value={cpus} error={fault('/cpus')} onChange={setCpus} />
        <NumberInput
          label={t('edit.memory')}
          min={1}
          value={memoryMiB}
          error={fault('/memoryMiB')}
          onChange={setMemoryMiB}
          suffix=" MiB"
        />
        <TextInput
          label={t('edit.labels')}
          value={labels}
          error={fault('/labels')}
          onChange={({ currentTarget }) => setLabels(currentTarget.value)}
        />
        <Textarea
          label={t('machine.notes')}
          autosize
          minRows={2}
          value={notes}
          error={fault('/notes')}
          onChange={({ currentTarget }) => setNotes(currentTarget.value)}
        />
        <Switch
          label={t('machine.protected')}
          checked={isProtected}
          onChange={({ currentTarget }) => setProtected(currentTarget.checked)}
        />
        <PlanView review={review} call={call} />
        {stale && (
          <Stack gap="xs" role="alert">
            <Text>{t('edit.stale')}</Text>
            <Text size="sm">{t('edit.now', { name: vm.name, cpus: vm.cpus ?? '–', memory: vm.memoryMiB ?? '–' })}</Text>
            <Button variant="default" onClick={() => void renew()}>
              {t('edit.renew')}
            </Button>
          </Stack>
        )}
        {refusal && !stale && !placed && <ProblemAlert error={refusal} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button
            type="submit"
            loading={change.isPending || review.isPending}
            {...(empty && { 'data-disabled': true, 'aria-disabled': true })}
          >
            {review.plan ? t('common.save') : t('plan.review')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
