import { rollupSeries, type VmRollup } from '@polyvirt/contracts';
import { setSpread, stepBegin, type Point } from './series.ts';

const minuteMs = 60_000;

/** Samples, then average and maximum of each series; null is unknown. */
type Minute = (number | null)[];
export type Minutes = Record<string, Minute>;

/** Puts a minute into its hour. The same minute again replaces itself. */
export function withMinute(minutes: Minutes, minuteOfHour: number, rollup: VmRollup): Minutes {
  const values = rollupSeries.flatMap((name) => {
    const spread = rollup[name];
    return spread ? [round(spread.average), round(spread.maximum)] : [null, null];
  });
  return { ...minutes, [minuteOfHour]: [rollup.samples, ...values] };
}

const round = (value: number): number => Math.round(value * 100) / 100;

interface Hour {
  readonly hour: number;
  readonly minutes: Minutes;
}

/** Points out of hours, which are in the order of time. Averages weigh a minute by its samples. */
export function pointsOfHours(hours: readonly Hour[], fromMs: number, toMs: number, stepMs: number): Point[] {
  const points: Point[] = [];
  let step: Step | undefined;
  const finish = () => {
    const point = step?.point();
    if (point) points.push(point);
  };
  for (const { hour, minutes } of hours) {
    for (let minute = 0; minute < 60; minute++) {
      const values = minutes[minute];
      const atMs = hour + minute * minuteMs;
      if (!values || atMs < fromMs || atMs >= toMs) continue;
      const beginMs = stepBegin(atMs, stepMs);
      if (step?.beginMs !== beginMs) {
        finish();
        step = new Step(beginMs);
      }
      step.add(values);
    }
  }
  finish();
  return points;
}

class Step {
  private readonly sums = new Float64Array(rollupSeries.length);
  private readonly weights = new Float64Array(rollupSeries.length);
  private readonly maxima = new Float64Array(rollupSeries.length);

  constructor(readonly beginMs: number) {}

  add([samples, ...values]: Minute): void {
    for (let n = 0; n < rollupSeries.length; n++) {
      const average = values[2 * n];
      const maximum = values[2 * n + 1];
      if (typeof average !== 'number' || typeof maximum !== 'number') continue;
      this.sums[n]! += average * samples!;
      this.weights[n]! += samples!;
      this.maxima[n] = Math.max(this.maxima[n]!, maximum);
    }
  }

  point(): Point | undefined {
    const point: Point = { at: new Date(this.beginMs).toISOString() };
    let known = false;
    for (const [n, name] of rollupSeries.entries()) {
      if (this.weights[n] === 0) continue;
      setSpread(point, name, this.sums[n]! / this.weights[n]!, this.maxima[n]!);
      known = true;
    }
    return known ? point : undefined;
  }
}
