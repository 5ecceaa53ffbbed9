import { useMantineColorScheme } from '@mantine/core';
import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query';
import { useEffect } from 'react';
import { savePreferences } from '../api/changes.ts';
import type { Me, Preferences } from '../api/client.ts';
import { currentLanguage, languages, setLanguage, type Language } from '../i18n/index.ts';
import { useMe } from '../session/session.tsx';

/** Language and theme as this user has chosen them in any browser. */
export function useAppliedPreferences(): void {
  const { language, theme } = useMe().preferences;
  const { setColorScheme } = useMantineColorScheme();
  useEffect(() => {
    if (theme) setColorScheme(theme === 'system' ? 'auto' : theme);
  }, [theme, setColorScheme]);
  useEffect(() => {
    const known = languages.find((one) => one === language?.slice(0, 2));
    if (known && known !== currentLanguage()) void setLanguage(known);
  }, [language]);
}

export function useSavePreferences(): UseMutationResult<Me, Error, Preferences> {
  const cache = useQueryClient();
  return useMutation({ mutationFn: savePreferences, onSuccess: (me) => cache.setQueryData(['me'], me) });
}

export const isKnownLanguage = (value: string | null): value is Language => languages.some((one) => one === value);
