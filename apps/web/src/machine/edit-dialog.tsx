import { ApiProblem } from '@polyvirt/api-client';
import { Button, Group, Modal, NumberInput, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/changes.ts';
import type { EditVmInput, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useChange } from '../ui/change.ts';
import { ProblemAlert } from '../ui/states.tsx';

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

/** Sends only what was changed, and only if nobody else has changed the machine meanwhile. */
export function EditDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const change = useChange();
  const [base, setBase] = useState(vm);
  const [name, setName] = useState(vm.name);
  const [cpus, setCpus] = useState<number | string>(vm.cpus ?? '');
  const [memoryMiB, setMemoryMiB] = useState<number | string>(vm.memoryMiB ?? '');
  const [labels, setLabels] = useState(written(vm.labels));
  const [notes, setNotes] = useState(vm.notes);
  const [isProtected, setProtected] = useState(vm.protected);

  const body: EditVmInput = {
    ...(name !== base.name && { name }),
    ...(typeof cpus === 'number' && cpus !== base.cpus && { cpus }),
    ...(typeof memoryMiB === 'number' && memoryMiB !== base.memoryMiB && { memoryMiB }),
    ...(labels !== written(base.labels) && { labels: read(labels) }),
    ...(notes !== base.notes && { notes }),
    ...(isProtected !== base.protected && { protected: isProtected }),
  };
  const empty = Object.keys(body).length === 0;
  const problem = change.error instanceof ApiProblem ? change.error.problem : undefined;
  const stale = problem?.code === 'stale-revision';
  const fault = (pointer: string) => problem?.errors?.find((error) => error.pointer === pointer)?.detail;
  const placed = problem?.errors?.some(({ pointer }) =>
    ['/name', '/cpus', '/memoryMiB', '/labels', '/notes'].includes(pointer),
  );
  const save = () => {
    if (!empty) change.mutate({ call: calls.edit(vm.id, body), ifMatch: `"${base.revision}"` }, { onSuccess: onClose });
  };
  const renew = async () => {
    setBase(await cache.fetchQuery({ ...queries.vm(vm.id), staleTime: 0 }));
    change.reset();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('edit.title', { name: vm.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
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
          {vm.state === 'running' && (body.cpus !== undefined || body.memoryMiB !== undefined) && (
            <Text size="sm">{t('edit.mayWait')}</Text>
          )}
          {stale && (
            <Stack gap="xs" role="alert">
              <Text>{t('edit.stale')}</Text>
              <Text size="sm">
                {t('edit.now', { name: vm.name, cpus: vm.cpus ?? '–', memory: vm.memoryMiB ?? '–' })}
              </Text>
              <Button variant="default" onClick={() => void renew()}>
                {t('edit.renew')}
              </Button>
            </Stack>
          )}
          {change.isError && !stale && !placed && <ProblemAlert error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button
              type="submit"
              loading={change.isPending}
              {...(empty && { 'data-disabled': true, 'aria-disabled': true })}
            >
              {t('common.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
