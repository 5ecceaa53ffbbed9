export type Statistic = 'AVG' | 'MIN' | 'MAX' | 'SUM' | 'LAST' | 'COUNT';

export const isStatistic = (value: unknown): value is Statistic =>
  typeof value === 'string' && ['AVG', 'MIN', 'MAX', 'SUM', 'LAST', 'COUNT'].includes(value);

/** One number for several samples; whole, as every metric is. */
export function reduced(values: readonly number[], statistic: Statistic): number {
  switch (statistic) {
    case 'AVG':
      return Math.round(values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length));
    case 'MIN':
      return Math.min(...values);
    case 'MAX':
      return Math.max(...values);
    case 'SUM':
      return values.reduce((sum, value) => sum + value, 0);
    case 'LAST':
      return values.at(-1) ?? 0;
    case 'COUNT':
      return values.length;
  }
}

export interface Point {
  readonly at: number;
  readonly value: number;
}

/** Points gathered into stretches of `everyMs`, each named by its beginning. */
export function downsampled(points: readonly Point[], everyMs: number, statistic: Statistic): Point[] {
  const stretches = new Map<number, number[]>();
  for (const { at, value } of points) {
    const start = Math.floor(at / everyMs) * everyMs;
    const values = stretches.get(start);
    if (values === undefined) stretches.set(start, [value]);
    else values.push(value);
  }
  return [...stretches].map(([at, values]) => ({ at, value: reduced(values, statistic) }));
}
