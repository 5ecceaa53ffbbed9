import type { Range } from '../time.ts';

/** How sure the reference is of what a knob decides. */
export type Mark = 'recorded' | 'schema' | 'client' | 'user' | 'inferred' | 'simulation';

/** One switch of the simulator: what it may be set to, what it is when nobody sets it, and where the facts come from. */
export interface Knob<T> {
  readonly default: T;
  /** The allowed values in words, for the table of knobs and for complaints. */
  readonly values: string;
  readonly accepts: (value: unknown) => value is T;
  readonly mark: Mark;
  readonly source: string;
  readonly help: string;
}

type Origin = readonly [mark: Mark, source: string];

export const flag = (fallback: boolean, [mark, source]: Origin, help: string): Knob<boolean> => ({
  default: fallback,
  values: 'true, false',
  accepts: (value): value is boolean => typeof value === 'boolean',
  mark,
  source,
  help,
});

export const choice = <const T extends string>(
  options: readonly T[],
  fallback: NoInfer<T>,
  [mark, source]: Origin,
  help: string,
): Knob<T> => ({
  default: fallback,
  values: options.join(', '),
  accepts: (value): value is T => options.includes(value as T),
  mark,
  source,
  help,
});

export const number = (
  fallback: number,
  min: number,
  max: number,
  [mark, source]: Origin,
  help: string,
): Knob<number> => ({
  default: fallback,
  values: `${min} to ${max}`,
  accepts: (value): value is number => typeof value === 'number' && value >= min && value <= max,
  mark,
  source,
  help,
});

/** A stretch of milliseconds from which each case draws its own number. */
export const range = (fallback: Range, [mark, source]: Origin, help: string): Knob<Range> => ({
  default: fallback,
  values: '[min, max] in ms',
  accepts: (value): value is Range =>
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((n) => typeof n === 'number' && n >= 0) &&
    (value[0] as number) <= (value[1] as number),
  mark,
  source,
  help,
});

export const text = (fallback: string, [mark, source]: Origin, help: string): Knob<string> => ({
  default: fallback,
  values: 'text',
  accepts: (value): value is string => typeof value === 'string',
  mark,
  source,
  help,
});

export const texts = (fallback: readonly string[], [mark, source]: Origin, help: string): Knob<readonly string[]> => ({
  default: fallback,
  values: 'list of texts',
  accepts: (value): value is readonly string[] =>
    Array.isArray(value) && value.every((item) => typeof item === 'string'),
  mark,
  source,
  help,
});
