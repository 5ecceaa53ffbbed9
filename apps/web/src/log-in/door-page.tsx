import { Center, Paper, Select, Stack, Title } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { currentLanguage, languages, setLanguage, type Language } from '../i18n/index.ts';

/** A form in front of everything else, in the language that is chosen there. */
export function DoorPage({ title, onSubmit, children }: { title: string; onSubmit(): void; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder p="xl" w="100%" maw={380}>
        <form
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          <Stack>
            <Title order={1} size="h2">
              {title}
            </Title>
            {children}
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
