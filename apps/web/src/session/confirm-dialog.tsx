import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { ApiProblem } from '@polyvirt/api-client';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client, onConfirmationNeeded } from '../api/client.ts';
import { PasswordField } from '../ui/password-field.tsx';
import { ProblemAlert } from '../ui/states.tsx';

/** Asks for the password once more when a change needs it; the change then goes on, or ends as it was refused. */
export function ConfirmDialog() {
  const { t } = useTranslation();
  const [waiting, setWaiting] = useState<readonly ((given: boolean) => void)[]>([]);
  const [password, setPassword] = useState('');
  const confirm = useMutation({
    mutationFn: () => client.POST('/api/v1/auth/confirm', { body: { password } }),
    onSuccess: () => close(true),
  });
  useEffect(() => {
    onConfirmationNeeded(() => new Promise((resolve) => setWaiting((others) => [...others, resolve])));
    return () => onConfirmationNeeded(async () => false);
  }, []);
  const close = (given: boolean) => {
    for (const resolve of waiting) resolve(given);
    setWaiting([]);
    setPassword('');
    confirm.reset();
  };
  const errors = confirm.error instanceof ApiProblem ? (confirm.error.problem.errors ?? []) : [];
  const fault = errors.find(({ pointer }) => pointer === '/password')?.detail;
  return (
    <Modal
      opened={waiting.length > 0}
      onClose={() => close(false)}
      title={t('confirm.title')}
      zIndex={400}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          confirm.mutate();
        }}
      >
        <Stack>
          <Text size="sm">{t('confirm.why')}</Text>
          <PasswordField
            label={t('logIn.password')}
            autoComplete="current-password"
            data-autofocus
            value={password}
            error={fault}
            onChange={({ currentTarget }) => setPassword(currentTarget.value)}
          />
          {confirm.isError && fault === undefined && <ProblemAlert error={confirm.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => close(false)}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" loading={confirm.isPending}>
              {t('confirm.go')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
