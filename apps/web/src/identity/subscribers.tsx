import { Alert, Button, Code, Group, Modal, MultiSelect, Stack, Table, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { Ago } from '../ui/ago.tsx';
import { CopyButton } from '../ui/copy.tsx';
import { Empty, ProblemAlert, QueryView } from '../ui/states.tsx';
import { ConfirmButton } from './users.tsx';

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
            <Table.ScrollContainer minWidth={560}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('column.name')}</Table.Th>
                    <Table.Th>{t('nav.hosts')}</Table.Th>
                    <Table.Th>{t('subscribers.createdBy')}</Table.Th>
                    <Table.Th>{t('subscribers.created')}</Table.Th>
                    <Table.Th>{t('machines.actions')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
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
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
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
  const answer = create.data && JSON.stringify(create.data, undefined, 2);
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t('subscribers.create')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {answer ? (
        <Stack>
          <Alert role="status">{t('subscribers.once')}</Alert>
          <Code block tabIndex={0} mah={240} style={{ overflow: 'auto' }}>
            {answer}
          </Code>
          <Group>
            <CopyButton value={answer} label={t('subscribers.copy')} />
            <Button onClick={onClose}>{t('common.close')}</Button>
          </Group>
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
            <MultiSelect
              label={t('nav.hosts')}
              description={t('subscribers.hostsHint')}
              data={(known.data ?? []).map(({ id }) => id)}
              value={hosts}
              onChange={setHosts}
            />
            {create.isError && <ProblemAlert error={create.error} />}
            <Button type="submit" loading={create.isPending}>
              {t('subscribers.create')}
            </Button>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
