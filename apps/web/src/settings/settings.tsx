import { ApiProblem } from '@polyvirt/api-client';
import {
  Alert,
  Anchor,
  Button,
  Card,
  SegmentedControl,
  Select,
  Stack,
  Text,
  Title,
  useMantineColorScheme,
} from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { client } from '../api/client.ts';
import { currentLanguage, languages, setLanguage } from '../i18n/index.ts';
import { useMe } from '../session/session.tsx';
import { PasswordField } from '../ui/password-field.tsx';
import { PageTitle, ProblemAlert } from '../ui/states.tsx';
import { isKnownLanguage, useSavePreferences } from './preferences.ts';
import { Sessions } from './sessions.tsx';

export function Settings() {
  const { t } = useTranslation();
  return (
    <Stack maw={520}>
      <PageTitle title={t('nav.settings')} />
      <Appearance />
      <ChangePassword />
      <Sessions />
      <Card withBorder>
        <Text>
          <Anchor href="/docs">{t('settings.docs')}</Anchor>
        </Text>
      </Card>
    </Stack>
  );
}

function Appearance() {
  const { t } = useTranslation();
  const { preferences } = useMe();
  const { setColorScheme } = useMantineColorScheme();
  const save = useSavePreferences();
  return (
    <Card withBorder component="section">
      <Stack>
        <Title order={2} size="h4">
          {t('settings.appearance')}
        </Title>
        <Select
          label={t('settings.language')}
          allowDeselect={false}
          data={languages.map((value) => ({ value, label: t(`language.${value}`) }))}
          value={currentLanguage()}
          onChange={(language) => {
            if (!isKnownLanguage(language)) return;
            void setLanguage(language);
            save.mutate({ language });
          }}
        />
        <Text id="theme" size="sm" fw={500}>
          {t('settings.theme')}
        </Text>
        <SegmentedControl
          aria-labelledby="theme"
          data={(['system', 'light', 'dark'] as const).map((value) => ({ value, label: t(`theme.${value}`) }))}
          value={preferences.theme ?? 'system'}
          onChange={(value) => {
            const theme = value as 'system' | 'light' | 'dark';
            setColorScheme(theme === 'system' ? 'auto' : theme);
            save.mutate({ theme });
          }}
        />
        {save.isError && <ProblemAlert error={save.error} />}
      </Stack>
    </Card>
  );
}

function ChangePassword() {
  const { t } = useTranslation();
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const change = useMutation({
    mutationFn: () => client.POST('/api/v1/auth/password', { body: { current, password } }),
    onSuccess: () => {
      setCurrent('');
      setPassword('');
    },
  });
  const errors = change.error instanceof ApiProblem ? (change.error.problem.errors ?? []) : [];
  const fault = (pointer: string) => errors.find((error) => error.pointer === pointer)?.detail;
  return (
    <Card withBorder component="section">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Stack>
          <Title order={2} size="h4">
            {t('settings.password')}
          </Title>
          <PasswordField
            label={t('settings.current')}
            autoComplete="current-password"
            value={current}
            error={fault('/current')}
            onChange={({ currentTarget }) => setCurrent(currentTarget.value)}
          />
          <PasswordField
            label={t('settings.new')}
            description={t('settings.passwordHint')}
            autoComplete="new-password"
            value={password}
            error={fault('/password')}
            onChange={({ currentTarget }) => setPassword(currentTarget.value)}
          />
          {change.isError && errors.length === 0 && <ProblemAlert error={change.error} />}
          {change.isSuccess && <Alert role="status">{t('settings.changed')}</Alert>}
          <Button type="submit" loading={change.isPending}>
            {t('settings.change')}
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
