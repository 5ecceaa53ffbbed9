import { ApiProblem } from '@polyvirt/api-client';
import { Alert, Button, Center, Paper, PasswordInput, Select, Stack, TextInput, Title } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { currentLanguage, languages, setLanguage, type Language } from '../i18n/index.ts';
import { useSession } from '../session/session.tsx';
import { ProblemAlert } from '../ui/states.tsx';

/** A wrong password keeps the name; the address stays for afterwards. */
export function LogIn({ ended }: { ended: boolean }) {
  const { t } = useTranslation();
  const { logIn } = useSession();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
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
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder p="xl" w="100%" maw={380}>
        <form onSubmit={(event) => void submit(event)}>
          <Stack>
            <Title order={1} size="h2">
              {t('logIn.title')}
            </Title>
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
            <PasswordInput
              label={t('logIn.password')}
              autoComplete="current-password"
              required
              withAsterisk={false}
              value={password}
              error={refused ? t('logIn.wrong') : undefined}
              visibilityToggleButtonProps={{ 'aria-label': t('logIn.showPassword') }}
              onChange={({ currentTarget }) => setPassword(currentTarget.value)}
            />
            {error !== undefined && !refused && <ProblemAlert error={error} />}
            <Button type="submit" loading={busy}>
              {t('logIn.submit')}
            </Button>
            <Select
              label={t('settings.language')}
              allowDeselect={false}
              data={languages.map((value) => ({ value, label: t(`language.${value}`) }))}
              value={currentLanguage()}
              onChange={(value) => void setLanguage(value as Language)}
            />
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
