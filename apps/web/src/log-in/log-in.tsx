import { ApiProblem } from '@polyvirt/api-client';
import { Alert, Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '../session/session.tsx';
import { PasswordField } from '../ui/password-field.tsx';
import { ProblemAlert } from '../ui/states.tsx';
import { DoorPage } from './door-page.tsx';

/** A wrong password keeps the name; the address stays for afterwards. */
export function LogIn({ ended }: { ended: boolean }) {
  const { t } = useTranslation();
  const { logIn } = useSession();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  const submit = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await logIn(username.trim(), password);
    } catch (reason) {
      setError(reason);
      setPassword('');
      setBusy(false);
    }
  };
  const refused = error instanceof ApiProblem && error.code === 'unauthenticated';

  return (
    <DoorPage title={t('logIn.title')} onSubmit={() => void submit()}>
      {ended && !error && <Alert role="status">{t('logIn.ended')}</Alert>}
      <TextInput
        label={t('logIn.username')}
        autoComplete="username"
        autoFocus
        required
        withAsterisk={false}
        value={username}
        onChange={({ currentTarget }) => setUsername(currentTarget.value)}
      />
      <PasswordField
        label={t('logIn.password')}
        autoComplete="current-password"
        required
        withAsterisk={false}
        value={password}
        error={refused ? t('logIn.wrong') : undefined}
        onChange={({ currentTarget }) => setPassword(currentTarget.value)}
      />
      {error !== undefined && !refused && <ProblemAlert error={error} />}
      <Button type="submit" loading={busy}>
        {t('logIn.submit')}
      </Button>
    </DoorPage>
  );
}
