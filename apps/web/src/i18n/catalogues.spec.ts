import { readFileSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const folder = import.meta.dirname;
type Catalogue = { [key: string]: string | Catalogue };
const read = (language: string) => JSON.parse(readFileSync(join(folder, `${language}.json`), 'utf8')) as Catalogue;

/** Texts by their keys, dotted. */
function flat(catalogue: Catalogue, above = ''): Map<string, string> {
  return new Map(
    Object.entries(catalogue).flatMap(([key, value]) =>
      typeof value === 'string' ? [[above + key, value] as const] : [...flat(value, `${above}${key}.`)],
    ),
  );
}

const suffix = /_(?:zero|one|two|few|many|other)$/;
const placeholders = (text: string) =>
  [...new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!))].sort();

describe('the catalogues', () => {
  const [en, fr] = [flat(read('en')), flat(read('fr'))];

  it('have the same keys, each language with the plural forms that it has', () => {
    const bases = (keys: Iterable<string>) => [...new Set([...keys].map((key) => key.replace(suffix, '')))].sort();
    expect(bases(fr.keys())).toEqual(bases(en.keys()));
    for (const [language, catalogue] of Object.entries({ en, fr })) {
      const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
      const plurals = new Set(
        [...catalogue.keys()].filter((key) => suffix.test(key)).map((key) => key.replace(suffix, '')),
      );
      expect(plurals.size).toBeGreaterThan(0);
      for (const key of plurals) for (const form of forms) expect([...catalogue.keys()]).toContain(`${key}_${form}`);
    }
  });

  it('have the same placeholders', () => {
    for (const [key, text] of fr) {
      const theirs = en.get(key) ?? en.get(key.replace(suffix, '_other'))!;
      const missing = placeholders(text).filter((name) => !placeholders(theirs).includes(name));
      expect([key, missing]).toEqual([key, []]);
    }
  });

  it('leave nothing empty and nothing as it was in English, but what is the same in both', () => {
    const same = [...fr]
      .filter(([key, text]) => text === en.get(key) && /[a-z]{4}/.test(text.replaceAll(/\{\{\w+\}\}/g, '')))
      .map(([key]) => key);
    const meant =
      /^(?:language|hypervisor|nav\.(?:machines|menu|audit|volumes|images)|machines\.(?:actions|shown_)|tab\.(?:console|archive)|create\.(?:source|image)|machine\.(?:annotations|notes)|hosts\.machines|audit\.action|snapshots\.description)/;
    expect(same.filter((key) => !meant.test(key))).toEqual([]);
    for (const [, text] of [...en, ...fr]) expect(text.trim()).not.toBe('');
  });

  it('have no key that no page uses', () => {
    const sources = globSync('**/*.{ts,tsx}', { cwd: join(folder, '..'), exclude: ['**/*.spec.ts'] })
      .map((file) => readFileSync(join(folder, '..', file), 'utf8'))
      .join('\n');
    // `tab.${name}` uses whatever has something in its place.
    const templates = [...sources.matchAll(/`(\w+\.(?:[^`\s$]|\$\{[^}]*\})*)`/g)].map(
      ([, template]) =>
        new RegExp(`^${template!.replaceAll(/\$\{[^}]*\}|[.]/g, (part) => (part === '.' ? '\\.' : '[\\w-]+'))}$`),
    );
    expect(templates.length).toBeGreaterThan(10);
    const keys = [...new Set([...en.keys()].map((key) => key.replace(suffix, '')))];
    const unused = keys.filter(
      (key) => !sources.includes(`'${key}'`) && !templates.some((template) => template.test(key)),
    );
    expect(unused).toEqual([]);
  });
});
