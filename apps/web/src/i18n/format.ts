import { currentLanguage } from './index.ts';

/** Numbers, sizes and times in the language of the page. Unknown is a dash and never zero. */
export const unknown = '–';

type Format = Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat;
const kept = new Map<string, Format>();
function once<One extends Format>(name: string, make: (language: string) => One): One {
  const language = currentLanguage();
  const key = `${language} ${name}`;
  const known = (kept.get(key) as One | undefined) ?? make(language);
  kept.set(key, known);
  return known;
}

export const formatNumber = (value: number | undefined, digits = 0): string =>
  value === undefined
    ? unknown
    : once(`number ${digits}`, (to) => new Intl.NumberFormat(to, { maximumFractionDigits: digits })).format(value);

export const formatPercent = (percent: number | undefined): string =>
  percent === undefined
    ? unknown
    : once('percent', (to) => new Intl.NumberFormat(to, { style: 'percent' })).format(percent / 100);

function scaled(value: number, units: readonly string[]): string {
  let unit = 0;
  for (; value >= 1_024 && unit < units.length - 1; unit++) value /= 1_024;
  return `${formatNumber(value, value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Binary units, as everything here counts. */
export const formatMiB = (mib: number | undefined): string =>
  mib === undefined ? unknown : scaled(mib, ['MiB', 'GiB', 'TiB']);
export const formatGiB = (gib: number | undefined): string => formatMiB(gib === undefined ? undefined : gib * 1_024);
export const formatBytes = (bytes: number | undefined): string =>
  bytes === undefined ? unknown : scaled(bytes, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
export const formatRate = (bytes: number | undefined): string =>
  bytes === undefined ? unknown : scaled(bytes, ['B/s', 'KiB/s', 'MiB/s', 'GiB/s']);

export const formatTime = (iso: string | undefined): string =>
  iso === undefined
    ? unknown
    : once('time', (to) => new Intl.DateTimeFormat(to, { dateStyle: 'medium', timeStyle: 'medium' })).format(
        new Date(iso),
      );

const steps: readonly [limit: number, seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, 'second'],
  [3_600, 60, 'minute'],
  [86_400, 3_600, 'hour'],
  [Infinity, 86_400, 'day'],
];

export function formatAgo(iso: string | undefined, now = Date.now()): string {
  if (iso === undefined) return unknown;
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1_000);
  const [, per, unit] = steps.find(([limit]) => seconds < limit)!;
  const ago = once('ago', (to) => new Intl.RelativeTimeFormat(to, { numeric: 'auto' }));
  return ago.format(-Math.round(seconds / per), unit);
}

export function formatDuration(from: string | undefined, to: string | undefined): string {
  if (from === undefined) return unknown;
  const seconds = Math.max(0, ((to === undefined ? Date.now() : Date.parse(to)) - Date.parse(from)) / 1_000);
  if (seconds < 60) return `${formatNumber(seconds, 1)} s`;
  return `${formatNumber(Math.floor(seconds / 60))} min ${formatNumber(Math.floor(seconds % 60))} s`;
}
