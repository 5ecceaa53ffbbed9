import { Button, Group, Select, Stack, Switch, Table, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type Role, type User } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { Ago } from '../ui/ago.tsx';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
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
          <DataTable
            label={t('nav.users')}
            heads={[
              t('logIn.username'),
              t('users.role'),
              t('users.lastLogIn'),
              t('users.disabled'),
              t('machines.actions'),
            ]}
          >
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
                <Table.Td>{user.lastLoginAt === undefined ? t('users.never') : <Ago at={user.lastLoginAt} />}</Table.Td>
                <Table.Td>
                  <Switch
                    aria-label={t('users.disable', { name: user.username })}
                    checked={user.disabled}
                    onChange={({ currentTarget }) => edit.mutate({ user, body: { disabled: currentTarget.checked } })}
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
          </DataTable>
        )}
      </QueryView>
      {creating && <CreateUser onClose={() => setCreating(false)} onCreated={renew} />}
    </Stack>
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
    <FormDialog
      title={t('users.create')}
      verb={t('users.create')}
      isBusy={create.isPending}
      error={create.error}
      onSubmit={create.mutate}
      onClose={onClose}
    >
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
    </FormDialog>
  );
}
