import { Button, Code, MultiSelect, NumberInput, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type Permission } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useMay, useMe } from '../session/session.tsx';
import { Ago } from '../ui/ago.tsx';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { SecretShown } from '../ui/secret-shown.tsx';
import { Empty, Guarded, PageTitle, ProblemAlert, QueryView } from '../ui/states.tsx';
import { Subscribers } from './subscribers.tsx';
import { formatTime } from '../i18n/format.ts';

const dayMs = 24 * 3_600_000;

export function Tokens() {
  const may = useMay();
  return (
    <Guarded permission="token:manage">
      <Stack gap="xl">
        <All />
        {may('subscriber:manage') && <Subscribers />}
      </Stack>
    </Guarded>
  );
}

function All() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const tokens = useQuery(queries.tokens());
  const [creating, setCreating] = useState(false);
  const renew = () => cache.invalidateQueries({ queryKey: ['tokens'] });
  const revoke = useMutation({
    mutationFn: (id: string) => client.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } }),
    onSettled: renew,
  });
  return (
    <Stack>
      <PageTitle title={t('nav.tokens')}>
        <Button onClick={() => setCreating(true)}>{t('tokens.create')}</Button>
      </PageTitle>
      {revoke.isError && <ProblemAlert error={revoke.error} />}
      <QueryView of={tokens}>
        {(list) =>
          list.length === 0 ? (
            <Empty title={t('tokens.none')} />
          ) : (
            <DataTable
              label={t('nav.tokens')}
              heads={[
                t('column.name'),
                t('tokens.owner'),
                t('tokens.scopes'),
                t('tokens.expires'),
                t('tokens.used'),
                t('machines.actions'),
              ]}
            >
              {list.map(({ id, name, owner, prefix, scopes, expiresAt, lastUsedAt }) => (
                <Table.Tr key={id}>
                  <Table.Td>
                    {name} <Code>{prefix}…</Code>
                  </Table.Td>
                  <Table.Td>{owner}</Table.Td>
                  <Table.Td>{scopes.join(', ')}</Table.Td>
                  <Table.Td>{formatTime(expiresAt)}</Table.Td>
                  <Table.Td>{lastUsedAt === undefined ? t('users.never') : <Ago at={lastUsedAt} />}</Table.Td>
                  <Table.Td>
                    <ConfirmButton
                      label={t('tokens.revoke')}
                      question={t('tokens.sure', { name })}
                      onConfirm={() => revoke.mutate(id)}
                    />
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
          )
        }
      </QueryView>
      {creating && <CreateToken onClose={() => setCreating(false)} onCreated={renew} />}
    </Stack>
  );
}

function CreateToken({ onClose, onCreated }: { onClose: () => void; onCreated: () => Promise<void> }) {
  const { t } = useTranslation();
  const { permissions } = useMe();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>([]);
  const [days, setDays] = useState<number | string>(30);
  const create = useMutation({
    mutationFn: async () => {
      const expiresAt = new Date(Date.now() + Number(days) * dayMs).toISOString();
      return (await client.POST('/api/v1/tokens', { body: { name, scopes: scopes as Permission[], expiresAt } })).data;
    },
    onSuccess: onCreated,
  });
  if (create.data)
    return (
      <SecretShown
        title={t('tokens.create')}
        warning={t('tokens.once')}
        secret={create.data.secret}
        copyLabel={t('tokens.copy')}
        onClose={onClose}
      />
    );
  return (
    <FormDialog
      title={t('tokens.create')}
      verb={t('tokens.create')}
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
      <MultiSelect label={t('tokens.scopes')} data={permissions} value={scopes} onChange={setScopes} />
      <NumberInput label={t('tokens.days')} min={1} max={365} value={days} onChange={setDays} />
      <Text size="sm">{t('tokens.hint')}</Text>
    </FormDialog>
  );
}
