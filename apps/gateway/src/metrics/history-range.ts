import { ProblemError, severalOf, Timestamp, VmId } from '@polyvirt/contracts';
import { z } from 'zod';
import { invalidInput } from '../http/faults.ts';
import { slotMs } from './metrics-memory.ts';

const minuteMs = 60_000;
const dayMs = 24 * 3_600_000;
const longestMs = 31 * dayMs;
const mostPoints = 2_000;
/** About as many as a chart has room for. */
const fairPoints = 360;
const steps = [slotMs, 15_000, minuteMs, 5 * minuteMs, 15 * minuteMs, 60 * minuteMs, 120 * minuteMs];

const step = z.coerce
  .number()
  .int()
  .min(slotMs / 1_000)
  .max(dayMs / 1_000)
  .describe('Seconds of a point.');

/** Query of `GET /vms/{id}/metrics/history`. */
export const HistoryQuery = z
  .strictObject({
    from: Timestamp.optional().describe('An hour before `to`, when absent.'),
    to: Timestamp.optional().describe('Now, when absent.'),
    step: step.optional().describe('Seconds of a point; when absent, so that a chart has some hundred of them.'),
  })
  .meta({ id: 'HistoryQuery' });
export type HistoryQuery = z.infer<typeof HistoryQuery>;

const mostRecentVms = 200;

/** Query of `GET /metrics/recent`. */
export const RecentQuery = z
  .strictObject({
    ids: severalOf(VmId, mostRecentVms).describe(`Ids of at most ${mostRecentVms} VMs, with commas.`),
    step: step.default(15),
  })
  .meta({ id: 'RecentQuery' });
export type RecentQuery = z.infer<typeof RecentQuery>;

export interface HistoryRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** Throws `invalid-input` for a time that is empty, or too long for its step. */
export function rangeOf({ from, to, step }: HistoryQuery, nowMs: number): HistoryRange {
  const toMs = to === undefined ? nowMs : Date.parse(to);
  const fromMs = from === undefined ? toMs - 3_600_000 : Date.parse(from);
  if (fromMs >= toMs) throw fault('from', 'It is not before `to`.');
  if (toMs - fromMs > longestMs) throw fault('from', 'More than 31 days before `to`.');
  const fair = steps.find((one) => (toMs - fromMs) / one <= fairPoints) ?? steps.at(-1)!;
  const stepMs = step === undefined ? fair : step * 1_000;
  if ((toMs - fromMs) / stepMs > mostPoints) throw fault('step', `It would give more than ${mostPoints} points.`);
  return { fromMs, toMs, stepMs };
}

const fault = (pointer: string, detail: string): ProblemError => invalidInput('query', [{ pointer, detail }]);
