import { ApiProblem } from '@polyvirt/api-client';
import { Button, NumberInput, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { EditVmInput, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useLack } from '../machines/use-obstacle.ts';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { readLabels, writeLabels } from '../ui/labels.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { QueryView } from '../ui/states.tsx';

interface Base {
  readonly vm: Vm;
  readonly etag: string | undefined;
}

export function EditDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const base = useQuery(queries.vmToEdit(vm.id));
  return (
    <Dialog title={t('edit.title', { name: vm.name })} onClose={onClose}>
      <QueryView of={base}>{(read) => <EditForm vm={vm} read={read} onClose={onClose} />}</QueryView>
    </Dialog>
  );
}

/** Sends only what was changed, and only if nobody else has changed the machine since it was read. */
function EditForm({ vm, read: first, onClose }: { vm: Vm; read: Base; onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [{ vm: base, etag: ifMatch }, setBase] = useState(first);
  const [name, setName] = useState(first.vm.name);
  const [cpus, setCpus] = useState<number | string>(first.vm.cpus ?? '');
  const [memoryMiB, setMemoryMiB] = useState<number | string>(first.vm.memoryMiB ?? '');
  const [labels, setLabels] = useState(writeLabels(first.vm.labels));
  const [notes, setNotes] = useState(first.vm.notes);
  const [isProtected, setProtected] = useState(first.vm.protected);

  const [isTemplate, setTemplate] = useState(first.vm.template === true);
  const [autostart, setAutostart] = useState(first.vm.autostart === true);
  const lack = useLack(vm.host);

  const body: EditVmInput = {
    ...(name !== base.name && { name }),
    ...(typeof cpus === 'number' && cpus !== base.cpus && { cpus }),
    ...(typeof memoryMiB === 'number' && memoryMiB !== base.memoryMiB && { memoryMiB }),
    ...(labels !== writeLabels(base.labels) && { labels: readLabels(labels) }),
    ...(notes !== base.notes && { notes }),
    ...(isProtected !== base.protected && { protected: isProtected }),
    ...(isTemplate !== (base.template === true) && { template: isTemplate }),
    ...(autostart !== (base.autostart === true) && { autostart }),
  };
  const empty = Object.keys(body).length === 0;
  const call = calls.edit(vm.id, body);
  const planned = usePlanned(call, { isReady: !empty, ifMatch, onDone: onClose });
  const { refusal } = planned;
  const problem = refusal instanceof ApiProblem ? refusal.problem : undefined;
  const stale = problem?.code === 'stale-revision';
  const fault = faultsOf(refusal);
  const placed = isAllAt(refusal, ['/name', '/cpus', '/memoryMiB', '/labels', '/notes', '/template', '/autostart']);
  const renew = async () => {
    setBase(await cache.fetchQuery({ ...queries.vmToEdit(vm.id), staleTime: 0 }));
    planned.reset();
  };
  return (
    <PlannedForm planned={planned} verb={t('common.save')} isPlaced={stale || placed} onCancel={onClose}>
      <TextInput
        label={t('column.name')}
        value={name}
        error={fault('/name')}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
        // It is there only once the machine has been read, when the dialog has its focus already.
        autoFocus
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
      <Switch
        label={t('machine.template')}
        description={lack('reconfigure', 'template') ?? t('machine.templateHint')}
        disabled={lack('reconfigure', 'template') !== undefined}
        checked={isTemplate}
        error={fault('/template')}
        onChange={({ currentTarget }) => setTemplate(currentTarget.checked)}
      />
      <Switch
        label={t('machine.autostart')}
        description={lack('reconfigure', 'autostart')}
        disabled={lack('reconfigure', 'autostart') !== undefined}
        checked={autostart}
        error={fault('/autostart')}
        onChange={({ currentTarget }) => setAutostart(currentTarget.checked)}
      />
      {stale && (
        <Stack gap="xs" role="alert">
          <Text>{t('edit.stale')}</Text>
          <Text size="sm">{t('edit.now', { name: vm.name, cpus: vm.cpus ?? '–', memory: vm.memoryMiB ?? '–' })}</Text>
          <Button variant="default" onClick={() => void renew()}>
            {t('edit.renew')}
          </Button>
        </Stack>
      )}
    </PlannedForm>
  );
}
