import { Select, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type Host } from '../api/client.ts';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Invitation } from './invitation.tsx';

const hypervisors: readonly Host['hypervisor'][] = ['kvm', 'vmware', 'nutanix'];

/** Makes a host that another machine may join as, and stays until it has. */
export function AddHostDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const [id, setId] = useState('');
  const [hypervisor, setHypervisor] = useState<Host['hypervisor']>('kvm');
  const add = useMutation({
    mutationFn: async () => (await client.POST('/api/v1/hosts', { body: { id: id.trim(), hypervisor } })).data,
    onSuccess: () => cache.invalidateQueries({ queryKey: ['hosts'] }),
  });
  const fault = faultsOf(add.error);
  if (add.data)
    return (
      <Dialog title={t('hosts.add')} size="lg" onClose={onClose}>
        <Invitation first={add.data} onClose={onClose} />
      </Dialog>
    );
  return (
    <FormDialog
      title={t('hosts.add')}
      verb={t('hosts.makeLine')}
      isBusy={add.isPending}
      error={isAllAt(add.error, ['/id', '/hypervisor']) ? undefined : add.error}
      reason={id.trim() === '' ? t('plan.unready') : undefined}
      onSubmit={add.mutate}
      onClose={onClose}
    >
      <Text size="sm">{t('hosts.addWhat')}</Text>
      <TextInput
        label={t('hosts.id')}
        description={t('hosts.idHint')}
        autoComplete="off"
        spellCheck={false}
        value={id}
        error={fault('/id')}
        onChange={({ currentTarget }) => setId(currentTarget.value)}
        data-autofocus
      />
      <Select
        label={t('hosts.hypervisor')}
        allowDeselect={false}
        data={hypervisors.map((value) => ({ value, label: t(`hypervisor.${value}`) }))}
        value={hypervisor}
        error={fault('/hypervisor')}
        onChange={(value) => setHypervisor(value as Host['hypervisor'])}
      />
    </FormDialog>
  );
}
