import { Checkbox, List, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type Host } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { isRunning } from '../operations/operation-list.tsx';
import { useMay } from '../session/session.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';

/** Says what is lost with a host and what is not, and wants its name typed. */
export function RemoveHostDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const { t } = useTranslation();
  const may = useMay();
  const cache = useQueryClient();
  const { id, totals } = host;
  const [typed, setTyped] = useState('');
  const [force, setForce] = useState(false);
  const operations = useQuery({ ...queries.operations(), enabled: may('operation:read') });
  const active = (operations.data ?? []).filter((one) => one.host === id && isRunning(one)).length;
  const remove = useMutation({
    mutationFn: () =>
      client.DELETE('/api/v1/hosts/{hostId}', {
        params: { path: { hostId: id }, query: force ? { force: 'true' } : {} },
      }),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ['hosts'] });
      onClose();
    },
  });
  return (
    <FormDialog
      title={t('hosts.removeOf', { host: id })}
      verb={t('hosts.remove')}
      isBusy={remove.isPending}
      error={remove.error}
      reason={typed === id ? undefined : t('delete.type', { name: id })}
      isDanger
      onSubmit={remove.mutate}
      onClose={onClose}
    >
      <Text>{t('delete.what')}</Text>
      <List size="sm" aria-label={t('delete.what')}>
        <List.Item>{t('hosts.removeKey')}</List.Item>
        <List.Item>{t('hosts.removeMachines', { count: totals.vms })}</List.Item>
        {active > 0 && <List.Item>{t('hosts.removeOperations', { count: active })}</List.Item>}
      </List>
      <Text size="sm">{t('hosts.removeStays')}</Text>
      <Checkbox
        label={t('hosts.removeForce')}
        checked={force}
        onChange={({ currentTarget }) => setForce(currentTarget.checked)}
      />
      <TextInput
        label={t('delete.type', { name: id })}
        autoComplete="off"
        data-autofocus
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
      />
    </FormDialog>
  );
}
