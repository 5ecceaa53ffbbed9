import { describe, expect, it } from '@jest/globals';
import type { VmRollup } from '@polyvirt/contracts';
import { pointsOfHours, withMinute, type Minutes } from './rollup-minutes.ts';

const hour = Date.parse('2026-11-21T10:00:00Z');
const minute = 60_000;
const rollup = (samples: number, average: number, maximum = average): VmRollup => ({
  vmId: 'kvm-a~1',
  samples,
  cpuPercent: { average, maximum },
});

describe('roll-ups', () => {
  it('take a minute again as the same minute', () => {
    const once = withMinute({}, 7, rollup(12, 10.123, 20));
    expect(withMinute(once, 7, rollup(12, 10.123, 20))).toEqual(once);
    expect(once[7]).toEqual([12, 10.12, 20, null, null, null, null, null, null, null, null, null, null]);
  });

  it('average a step by the samples of its minutes, and leave out what is not known', () => {
    let minutes: Minutes = {};
    minutes = withMinute(minutes, 0, rollup(12, 10, 15));
    minutes = withMinute(minutes, 1, rollup(4, 50, 90));
    minutes = withMinute(minutes, 30, rollup(12, 5));
    expect(pointsOfHours([{ hour, minutes }], hour, hour + 60 * minute, 15 * minute)).toEqual([
      { at: '2026-11-21T10:00:00.000Z', cpuPercent: { average: 20, maximum: 90 } },
      { at: '2026-11-21T10:30:00.000Z', cpuPercent: { average: 5, maximum: 5 } },
    ]);
  });

  it('keep to the time that is asked for, and step over the border of an hour', () => {
    const full: Minutes = {};
    for (let n = 0; n < 60; n++) Object.assign(full, withMinute({}, n, rollup(12, n)));
    const hours = [
      { hour, minutes: full },
      { hour: hour + 60 * minute, minutes: full },
    ];
    const points = pointsOfHours(hours, hour + 58 * minute, hour + 62 * minute, 10 * minute);
    expect(points).toEqual([
      { at: '2026-11-21T10:50:00.000Z', cpuPercent: { average: 58.5, maximum: 59 } },
      { at: '2026-11-21T11:00:00.000Z', cpuPercent: { average: 0.5, maximum: 1 } },
    ]);
  });
});
