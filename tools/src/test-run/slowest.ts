import type { Duration } from './progress.ts';

const TEN = 10;

/** Lines that name the ten durations that are longest over all parts, longest first; those below a second are no news. */
export function slowest<Part extends { readonly name: string }>(
  parts: readonly Part[],
  durations: (part: Part) => readonly Duration[],
): string[] {
  return parts
    .flatMap((part) => durations(part).map((duration) => ({ part, ...duration })))
    .filter(({ ms }) => ms >= 1_000)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, TEN)
    .map(({ part, file, name, ms }) => {
      const seconds = `${(ms / 1_000).toFixed(1).padStart(6)} s`;
      return `${seconds}  ${part.name} ${file}${name === undefined ? '' : ` › ${name}`}`;
    });
}
