import { ApiProblem } from '@polyvirt/api-client';
import { Alert, Button, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client } from '../api/client.ts';
import { useSession } from '../session/session.tsx';
import { faultsOf } from '../ui/faults.ts';
import { PasswordField } from '../ui/password-field.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { DoorPage } from './door-page.tsx';

export const welcomePath = '/welcome';

/** Where a log-in link leads: asks for a password and logs in with it. */
export function Welcome({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { logIn } = useSession();
  const [password, setPassword] = useState('');
  const begin = useMutation({
    mutationFn: async () => {
      const link = location.hash.slice(1);
      const { data } = await client.POST('/api/v1/auth/links/use', { body: { link, password } });
      await logIn(data.username, password);
    },
    onSuccess: onDone,
  });
  const fault = faultsOf(begin.error)('/password');
  const isUsed = begin.error instanceof ApiProblem && (begin.error.code === 'unauthenticated' || !location.hash);
  return (
    <DoorPage title={t('welcome.title')} onSubmit={() => begin.mutate()}>
      <Text>{t('welcome.what')}</Text>
      <PasswordField
        label={t('settings.new')}
        description={t('settings.passwordHint')}
        autoComplete="new-password"
        autoFocus
        required
        withAsterisk={false}
        value={password}
        error={fault}
        onChange={({ currentTarget }) => setPassword(currentTarget.value)}
      />
      {isUsed && (
        <Alert color="red" variant="outline" role="alert" title={t('welcome.used')}>
          <Stack gap="xs" align="flex-start">
            <Text size="sm">{t('welcome.usedDetail')}</Text>
            <Button variant="default" size="xs" onClick={onDone}>
              {t('logIn.submit')}
            </Button>
          </Stack>
        </Alert>
      )}
      {begin.error && !isUsed && fault === undefined && <ProblemAlert error={begin.error} />}
      <Button type="submit" loading={begin.isPending}>
        {t('welcome.go')}
      </Button>
    </DoorPage>
  );
}
