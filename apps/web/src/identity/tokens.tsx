import {
  Alert,
  Button,
  Code,
  Group,
  Modal,
  MultiSelect,
  NumberInput,
  Stack,
  Table,
  Text,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type Permission } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useMay, useMe } from '../session/session.tsx';
import { Ago } from '../ui/ago.tsx';
import { CopyButton } from '../ui/copy.tsx';
import { Empty, Guarded, PageTitle, ProblemAlert, QueryView } from '../ui/states.tsx';
import { Subscribers } from './subscribers.tsx';
import { ConfirmButton } from './users.tsx';
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
            <Table.ScrollContainer minWidth={640}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('column.name')}</Table.Th>
                    <Table.Th>{t('tokens.owner')}</Table.Th>
                    <Table.Th>{t('tokens.scopes')}</Table.Th>
                    <Table.Th>{t('tokens.expires')}</Table.Th>
                    <Table.Th>{t('tokens.used')}</Table.Th>
                    <Table.Th>{t('machines.actions')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
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
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
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
  return (
    <Modal opened onClose={onClose} title={t('tokens.create')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {create.data ? (
        <Stack>
          <Alert role="status">{t('tokens.once')}</Alert>
          <Group gap="xs" wrap="nowrap">
            <Code style={{ overflowWrap: 'anywhere' }}>{create.data.secret}</Code>
            <CopyButton value={create.data.secret} label={t('tokens.copy')} />
          </Group>
          <Button onClick={onClose}>{t('common.close')}</Button>
        </Stack>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          <Stack>
            <TextInput
              label={t('column.name')}
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
              data-autofocus
            />
            <MultiSelect label={t('tokens.scopes')} data={permissions} value={scopes} onChange={setScopes} />
            <NumberInput label={t('tokens.days')} min={1} max={365} value={days} onChange={setDays} />
            {create.isError && <ProblemAlert error={create.error} />}
            <Text size="sm">{t('tokens.hint')}</Text>
            <Button type="submit" loading={create.isPending}>
              {t('tokens.create')}
            </Button>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
