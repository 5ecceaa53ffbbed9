import { Button, Switch } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, type User } from '../api/client.ts';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { PasswordField } from '../ui/password-field.tsx';

/** Gives another user a new password; what they are logged in with ends, API tokens as well unless they are to stay. */
export function NewPassword({ user, onDone }: { user: User; onDone: () => Promise<void> }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setOpen(true)}>
        {t('users.newPassword')}
      </Button>
      {isOpen && <NewPasswordDialog user={user} onDone={onDone} onClose={() => setOpen(false)} />}
    </>
  );
}

function NewPasswordDialog({
  user,
  onDone,
  onClose,
}: {
  user: User;
  onDone: () => Promise<void>;
  onClose: () => void;
}) {
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
  return (
    <FormDialog
      title={t('users.newPasswordOf', { name: user.username })}
      verb={t('settings.change')}
      isBusy={change.isPending}
      error={isAllAt(change.error, ['/password']) ? undefined : change.error}
      onSubmit={change.mutate}
      onClose={onClose}
    >
      <PasswordField
        label={t('settings.new')}
        description={t('settings.passwordHint')}
        autoComplete="new-password"
        value={password}
        error={faultsOf(change.error)('/password')}
        onChange={({ currentTarget }) => setPassword(currentTarget.value)}
        data-autofocus
      />
      <Switch
        label={t('users.keepTokens')}
        description={t('users.sessionsEnd')}
        checked={keeps}
        onChange={({ currentTarget }) => setKeeps(currentTarget.checked)}
      />
    </FormDialog>
  );
}
