/** What `GET /vms` filters by. */
export interface VmFilter {
  host?: string;
  hypervisor?: string;
  state?: string;
  name?: string;
  label?: string;
  template?: string;
  q?: string;
}

export const filterKeys = ['state', 'host', 'hypervisor', 'label', 'name', 'template'] as const;
export type FilterKey = (typeof filterKeys)[number];

/** One part of a typed filter: `state:running`, or a word to look for. */
export interface FilterPart {
  readonly key: FilterKey | 'q';
  readonly value: string;
}

/** The parts of a typed filter, in order. Quotes hold a value with spaces together; what has no known key is looked for. */
export function parseFilter(text: string): FilterPart[] {
  const parts: FilterPart[] = [];
  for (const [token] of text.matchAll(/(?:[^\s"]|"[^"]*"?)+/g)) {
    const colon = token.indexOf(':');
    const key = filterKeys.find((name) => name === token.slice(0, colon).toLowerCase());
    const value = (key ? token.slice(colon + 1) : token).replaceAll('"', '');
    if (value !== '') parts.push({ key: key ?? 'q', value });
  }
  return parts;
}

export const writeFilter = (parts: readonly FilterPart[]): string =>
  parts
    .map(({ key, value }) => {
      const quoted = /[\s"]/.test(value) || (key === 'q' && isKeyed(value)) ? `"${value.replaceAll('"', '')}"` : value;
      return key === 'q' ? quoted : `${key}:${quoted}`;
    })
    .join(' ');

/** As the API takes it; words become one text to look for, and of two values for one key the last counts. */
export function filterOf(parts: readonly FilterPart[]): VmFilter {
  const filter: VmFilter = {};
  for (const { key, value } of parts)
    filter[key] = key === 'q' && filter.q !== undefined ? `${filter.q} ${value}` : value;
  return filter;
}

/** The filter with one key set anew, or taken out. */
export const withPart = (
  parts: readonly FilterPart[],
  key: FilterPart['key'],
  value: string | undefined,
): FilterPart[] => [...parts.filter((part) => part.key !== key), ...(value === undefined ? [] : [{ key, value }])];

const isKeyed = (word: string): boolean => filterKeys.some((key) => word.toLowerCase().startsWith(`${key}:`));
