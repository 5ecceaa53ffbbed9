import { Button, Group, MultiSelect, Stack, Table, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { Ago } from '../ui/ago.tsx';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { SecretShown } from '../ui/secret-shown.tsx';
import { Empty, ProblemAlert, QueryView } from '../ui/states.tsx';

/** Programs that read events from the bus. */
export function Subscribers() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const subscribers = useQuery(queries.subscribers());
  const [creating, setCreating] = useState(false);
  const renew = () => cache.invalidateQueries({ queryKey: queries.subscribers().queryKey });
  const revoke = useMutation({
    mutationFn: (id: string) => client.DELETE('/api/v1/subscribers/{id}', { params: { path: { id } } }),
    onSettled: renew,
  });
  return (
    <Stack component="section">
      <Group justify="space-between">
        <Title order={2} size="h3">
          {t('subscribers.title')}
        </Title>
        <Button onClick={() => setCreating(true)}>{t('subscribers.create')}</Button>
      </Group>
      {revoke.error && <ProblemAlert error={revoke.error} />}
      <QueryView of={subscribers}>
        {(list) =>
          list.length === 0 ? (
            <Empty title={t('subscribers.none')} />
          ) : (
            <DataTable
              label={t('subscribers.title')}
              minWidth={560}
              heads={[
                t('column.name'),
                t('nav.hosts'),
                t('subscribers.createdBy'),
                t('subscribers.created'),
                t('machines.actions'),
              ]}
            >
              {list.map(({ id, name, hosts, createdBy, createdAt }) => (
                <Table.Tr key={id}>
                  <Table.Td>{name}</Table.Td>
                  <Table.Td>{hosts?.join(', ') ?? t('subscribers.allHosts')}</Table.Td>
                  <Table.Td>{createdBy}</Table.Td>
                  <Table.Td>
                    <Ago at={createdAt} />
                  </Table.Td>
                  <Table.Td>
                    <ConfirmButton
                      label={t('tokens.revoke')}
                      question={t('subscribers.sure', { name })}
                      onConfirm={() => revoke.mutate(id)}
                    />
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
          )
        }
      </QueryView>
      {creating && <CreateSubscriber onClose={() => setCreating(false)} onCreated={renew} />}
    </Stack>
  );
}

function CreateSubscriber({ onClose, onCreated }: { onClose: () => void; onCreated: () => Promise<void> }) {
  const { t } = useTranslation();
  const known = useQuery(queries.hosts());
  const [name, setName] = useState('');
  const [hosts, setHosts] = useState<string[]>([]);
  const create = useMutation({
    mutationFn: async () =>
      (await client.POST('/api/v1/subscribers', { body: { name, ...(hosts.length > 0 && { hosts }) } })).data,
    onSuccess: onCreated,
  });
  if (create.data)
    return (
      <SecretShown
        title={t('subscribers.create')}
        warning={t('subscribers.once')}
        secret={JSON.stringify(create.data, undefined, 2)}
        copyLabel={t('subscribers.copy')}
        onClose={onClose}
      />
    );
  return (
    <FormDialog
      title={t('subscribers.create')}
      verb={t('subscribers.create')}
      isBusy={create.isPending}
      error={create.error}
      onSubmit={create.mutate}
      onClose={onClose}
    >
      <TextInput
        label={t('column.name')}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
        data-autofocus
      />
      <MultiSelect
        label={t('nav.hosts')}
        description={t('subscribers.hostsHint')}
        data={(known.data ?? []).map(({ id }) => id)}
        value={hosts}
        onChange={setHosts}
      />
    </FormDialog>
  );
}
