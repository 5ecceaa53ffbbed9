import { Button, Group, Modal, Select, Stack, Switch, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type Role, type User } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { Ago } from '../ui/ago.tsx';
import { PasswordField } from '../ui/password-field.tsx';
import { Guarded, PageTitle, ProblemAlert, QueryView } from '../ui/states.tsx';
import { NewPassword } from './new-password.tsx';
import { UserSessions } from './user-sessions.tsx';

const roles: readonly Role[] = ['viewer', 'operator', 'admin'];

export function Users() {
  return (
    <Guarded permission="user:manage">
      <All />
    </Guarded>
  );
}

function All() {
  const { t } = useTranslation();
  const cache = useQueryClient();
  const users = useQuery(queries.users());
  const [creating, setCreating] = useState(false);
  const renew = () => cache.invalidateQueries({ queryKey: ['users'] });
  const edit = useMutation({
    mutationFn: ({ user, body }: { user: User; body: { role?: Role; disabled?: boolean } }) =>
      client.PATCH('/api/v1/users/{id}', { params: { path: { id: user.id } }, body }),
    onSettled: renew,
  });
  const remove = useMutation({
    mutationFn: ({ id }: User) => client.DELETE('/api/v1/users/{id}', { params: { path: { id } } }),
    onSettled: renew,
  });
  const unlock = useMutation({
    mutationFn: ({ id }: User) => client.POST('/api/v1/users/{id}/unlock', { params: { path: { id } } }),
  });
  const error = edit.error ?? remove.error ?? unlock.error;
  return (
    <Stack>
      <PageTitle title={t('nav.users')}>
        <Button onClick={() => setCreating(true)}>{t('users.create')}</Button>
      </PageTitle>
      {error && <ProblemAlert error={error} />}
      <QueryView of={users}>
        {(list) => (
          <Table.ScrollContainer minWidth={640}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('logIn.username')}</Table.Th>
                  <Table.Th>{t('users.role')}</Table.Th>
                  <Table.Th>{t('users.lastLogIn')}</Table.Th>
                  <Table.Th>{t('users.disabled')}</Table.Th>
                  <Table.Th>{t('machines.actions')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.map((user) => (
                  <Table.Tr key={user.id}>
                    <Table.Td>{user.username}</Table.Td>
                    <Table.Td>
                      <Select
                        size="xs"
                        aria-label={t('users.roleOf', { name: user.username })}
                        allowDeselect={false}
                        data={roles.map((value) => ({ value, label: t(`role.${value}`) }))}
                        value={user.role}
                        onChange={(role) => edit.mutate({ user, body: { role: role as Role } })}
                      />
                    </Table.Td>
                    <Table.Td>
                      {user.lastLoginAt === undefined ? t('users.never') : <Ago at={user.lastLoginAt} />}
                    </Table.Td>
                    <Table.Td>
                      <Switch
                        aria-label={t('users.disable', { name: user.username })}
                        checked={user.disabled}
                        onChange={({ currentTarget }) =>
                          edit.mutate({ user, body: { disabled: currentTarget.checked } })
                        }
                      />
                    </Table.Td>
                    <Table.Td>
                      <Group gap="xs">
                        <ConfirmButton
                          label={t('users.unlock')}
                          question={t('users.sureUnlock', { name: user.username })}
                          onConfirm={() => unlock.mutate(user)}
                        />
                        <UserSessions user={user} />
                        <NewPassword user={user} onDone={renew} />
                        <ConfirmButton
                          label={t('verb.delete')}
                          question={t('users.sure', { name: user.username })}
                          onConfirm={() => remove.mutate(user)}
                        />
                      </Group>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </QueryView>
      {creating && <CreateUser onClose={() => setCreating(false)} onCreated={renew} />}
    </Stack>
  );
}

export function ConfirmButton({
  label,
  question,
  onConfirm,
}: {
  label: string;
  question: string;
  onConfirm: () => void;
}) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setAsked(true)}>
        {label}
      </Button>
      <Modal
        opened={asked}
        onClose={() => setAsked(false)}
        title={label}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Stack>
          <Text>{question}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsked(false)}>
              {t('common.cancel')}
            </Button>
            <Button
              color="red.9"
              onClick={() => {
                setAsked(false);
                onConfirm();
              }}
            >
              {label}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function CreateUser({ onClose, onCreated }: { onClose: () => void; onCreated: () => Promise<void> }) {
  const { t } = useTranslation();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const create = useMutation({
    mutationFn: () => client.POST('/api/v1/users', { body: { username, password, role } }),
    onSuccess: async () => {
      await onCreated();
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={t('users.create')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Stack>
          <TextInput
            label={t('logIn.username')}
            autoComplete="off"
            value={username}
            onChange={({ currentTarget }) => setUsername(currentTarget.value)}
            data-autofocus
          />
          <PasswordField
            label={t('logIn.password')}
            description={t('settings.passwordHint')}
            autoComplete="new-password"
            value={password}
            onChange={({ currentTarget }) => setPassword(currentTarget.value)}
          />
          <Select
            label={t('users.role')}
            allowDeselect={false}
            data={roles.map((value) => ({ value, label: t(`role.${value}`) }))}
            value={role}
            onChange={(value) => setRole(value as Role)}
          />
          {create.isError && <ProblemAlert error={create.error} />}
          <Button type="submit" loading={create.isPending}>
            {t('users.create')}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
