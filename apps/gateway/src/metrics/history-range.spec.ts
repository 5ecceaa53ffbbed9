import { describe, expect, it } from '@jest/globals';
import { HistoryQuery, rangeOf } from './history-range.ts';

const now = Date.parse('2026-11-21T10:00:00Z');
const hour = 3_600_000;

describe('rangeOf', () => {
  it('is the last hour, in steps that fit a chart', () => {
    expect(rangeOf({}, now)).toEqual({ fromMs: now - hour, toMs: now, stepMs: 15_000 });
  });

  it.each([
    [15 * 60_000, 5_000],
    [6 * hour, 60_000],
    [24 * hour, 300_000],
    [30 * 24 * hour, 7_200_000],
  ])('of %d ms has steps of %d ms', (length, stepMs) => {
    const from = new Date(now - length).toISOString();
    expect(rangeOf({ from }, now).stepMs).toBe(stepMs);
  });

  it.each([
    { from: '2026-11-21T10:00:00Z', to: '2026-11-21T10:00:00Z' },
    { from: '2026-01-01T00:00:00Z' },
    { from: '2026-11-20T10:00:00Z', step: 5 },
  ])('refuses %j', (query) => {
    expect(() => rangeOf(query, now)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });

  it.each([{ step: '1' }, { step: 'fine' }, { from: 'yesterday' }, { until: '2026-11-21T10:00:00Z' }])(
    'refuses the query %j',
    (query) => {
      expect(HistoryQuery.safeParse(query).success).toBe(false);
    },
  );
});
