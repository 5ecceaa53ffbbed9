/** RFC 3339 UTC with whole seconds, as v3 writes every time. */
export const seconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');

/** RFC 3339 UTC with microseconds, as v4 writes times of entities and tasks. */
export const micros = (ms: number, fraction = 0): string =>
  new Date(ms).toISOString().replace('Z', `${String(fraction % 1000).padStart(3, '0')}Z`);

export type Range = readonly [min: number, max: number];

/** A whole number drawn evenly from an inclusive range. */
export const drawn = ([min, max]: Range): number => Math.round(min + Math.random() * (max - min));
