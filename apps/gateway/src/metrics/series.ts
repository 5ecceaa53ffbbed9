import { rollupSeries, type MetricsHistory, type RollupSeries } from '@polyvirt/contracts';

export type Point = MetricsHistory['points'][number];

interface Sample {
  readonly atMs: number;
  /** One value for each of `rollupSeries`; NaN is unknown. */
  readonly values: ArrayLike<number>;
}

/** Averages and maxima of samples, which are in the order of time, over steps. A step without samples has no point. */
export function pointsOf(samples: readonly Sample[], stepMs: number): Point[] {
  const points: Point[] = [];
  for (let at = 0; at < samples.length;) {
    const beginMs = stepBegin(samples[at]!.atMs, stepMs);
    let end = at;
    while (end < samples.length && samples[end]!.atMs < beginMs + stepMs) end++;
    const point = pointOf(samples, at, end, beginMs);
    if (point) points.push(point);
    at = end;
  }
  return points;
}

export const stepBegin = (atMs: number, stepMs: number): number => Math.floor(atMs / stepMs) * stepMs;

function pointOf(samples: readonly Sample[], from: number, to: number, beginMs: number): Point | undefined {
  const point: Point = { at: new Date(beginMs).toISOString() };
  let known = false;
  for (const [series, name] of rollupSeries.entries()) {
    let sum = 0;
    let count = 0;
    let maximum = 0;
    for (let at = from; at < to; at++) {
      const value = samples[at]!.values[series]!;
      if (Number.isNaN(value)) continue;
      sum += value;
      count++;
      maximum = Math.max(maximum, value);
    }
    if (count === 0) continue;
    setSpread(point, name, sum / count, maximum);
    known = true;
  }
  return known ? point : undefined;
}

/** Hundredths are finer than any reading is true. */
export function setSpread(point: Point, name: RollupSeries, average: number, maximum: number): void {
  point[name] = { average: round(average), maximum: round(maximum) };
}

const round = (value: number): number => Math.round(value * 100) / 100;
