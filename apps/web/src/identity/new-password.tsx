import { ApiProblem } from '@polyvirt/api-client';
import { Button, Modal, Stack, Switch } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type User } from '../api/client.ts';
import { PasswordField } from '../ui/password-field.tsx';
import { ProblemAlert } from '../ui/states.tsx';

/** Gives another user a new password; what they are logged in with ends, API tokens as well unless they are to stay. */
export function NewPassword({ user, onDone }: { user: User; onDone: () => Promise<void> }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setOpen(true)}>
        {t('users.newPassword')}
      </Button>
      {isOpen && <Dialog user={user} onDone={onDone} onClose={() => setOpen(false)} />}
    </>
  );
}

function Dialog({ user, onDone, onClose }: { user: User; onDone: () => Promise<void>; onClose: () => void }) {
  const { t } = useTranslation();
  const [password, setPassword] = useState('');
  const [keeps, setKeeps] = useState(false);
  const change = useMutation({
    mutationFn: () =>
      client.PATCH('/api/v1/users/{id}', {
        params: { path: { id: user.id } },
        body: { password, tokens: keeps ? 'keep' : 'end' },
      }),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  const errors = change.error instanceof ApiProblem ? (change.error.problem.errors ?? []) : [];
  const fault = errors.find(({ pointer }) => pointer === '/password')?.detail;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('users.newPasswordOf', { name: user.username })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Stack>
          <PasswordField
            label={t('settings.new')}
            description={t('settings.passwordHint')}
            autoComplete="new-password"
            value={password}
            error={fault}
            onChange={({ currentTarget }) => setPassword(currentTarget.value)}
            data-autofocus
          />
          <Switch
            label={t('users.keepTokens')}
            description={t('users.sessionsEnd')}
            checked={keeps}
            onChange={({ currentTarget }) => setKeeps(currentTarget.checked)}
          />
          {change.isError && fault === undefined && <ProblemAlert error={change.error} />}
          <Button type="submit" loading={change.isPending}>
            {t('settings.change')}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
