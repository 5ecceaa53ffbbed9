import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type en from './en.json';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

export const languages = ['en', 'fr'] as const;
export type Language = (typeof languages)[number];
const stored = 'polyvirt.language';

const catalogues: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import('./en.json'),
  fr: () => import('./fr.json'),
};

const isLanguage = (tag: string): tag is Language => (languages as readonly string[]).includes(tag);

/** What was chosen in this browser, else the first of the browser's languages that there is a catalogue for. */
export function preferredLanguage(): Language {
  const tags = [localStorage.getItem(stored) ?? '', ...navigator.languages];
  return tags.map((tag) => tag.slice(0, 2).toLowerCase()).find(isLanguage) ?? 'en';
}

export async function startTranslation(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: preferredLanguage(),
    fallbackLng: false,
    partialBundledLanguages: true,
    resources: {},
    interpolation: { escapeValue: false },
  });
  await setLanguage(preferredLanguage());
}

export async function setLanguage(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'translation'))
    i18next.addResourceBundle(language, 'translation', (await catalogues[language]()).default);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  localStorage.setItem(stored, language);
}

export const currentLanguage = (): Language => (isLanguage(i18next.language) ? i18next.language : 'en');
