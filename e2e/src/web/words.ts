import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Language = 'en' | 'fr';
type Catalogue = { [key: string]: string | Catalogue };

const folder = join(import.meta.dirname, '../../../apps/web/src/i18n');

/** What the console says in a language, by the key of its catalogue, so that one story is told in each. */
export function wordsOf(language: Language): (key: string, values?: Readonly<Record<string, string>>) => string {
  const catalogue = JSON.parse(readFileSync(join(folder, `${language}.json`), 'utf8')) as Catalogue;
  return (key, values = {}) => {
    const text = key
      .split('.')
      .reduce<string | Catalogue | undefined>((at, part) => (typeof at === 'object' ? at[part] : undefined), catalogue);
    if (typeof text !== 'string') throw new RangeError(`the catalogue of ${language} has no ${key}`);
    return text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new RangeError(`${key} needs ${name}`);
      return value;
    });
  };
}
