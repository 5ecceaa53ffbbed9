import { describe, expect, it } from '@jest/globals';
import { secondsOf } from '../machine/cpu-time.ts';
import { Vigil } from './vigil.ts';

const patience = { silenceMs: 15_000, firstSignMs: 60_000, idleShare: 0.01 };

/** Looks every second, while the process wants so much of a core; answers after how many seconds it is said to hang. */
async function hangsAfter(seconds: number, share: number | undefined, vigil: Vigil): Promise<number | undefined> {
  for (let second = 1; second <= seconds; second += 1) {
    if (await vigil.missed(1_000, () => Promise.resolve(share === undefined ? undefined : share * second * 1_000))) {
      return second;
    }
  }
  return undefined;
}

describe('Vigil', () => {
  it.each([
    ['hangs that wants nothing', 0, 15],
    ['hangs that only turns over', 0.005, 15],
    ['is slow that works, or waits for its turn', 0.9, undefined],
    ['is not known that nobody can measure', undefined, undefined],
  ])('says that it %s', async (_, share, after) => {
    const vigil = new Vigil(patience);
    vigil.heard();
    expect(await hangsAfter(100, share, vigil)).toBe(after);
  });

  it('has more patience before the first sign, and begins anew with each', async () => {
    const vigil = new Vigil(patience);
    expect(await hangsAfter(59, 0, vigil)).toBeUndefined();
    vigil.heard();
    expect(await hangsAfter(14, 0, vigil)).toBeUndefined();
    vigil.excuse();
    expect(vigil.isSilent).toBe(false);
    expect(await hangsAfter(15, 0, vigil)).toBe(15);
  });

  it('takes a thread that has ended with its CPU time for a sign of work', async () => {
    const vigil = new Vigil({ ...patience, firstSignMs: 2_000 });
    const wanted = [5_000, 3_000];
    expect(await vigil.missed(2_000, () => Promise.resolve(wanted.shift()))).toBe(false);
  });
});

it.each([
  ['  0:01.52', 1.52],
  ['12:03:04', 43_384],
  ['1-00:00:02', 86_402],
])('reads the CPU time %s of ps', (text, seconds) => expect(secondsOf(text)).toBeCloseTo(seconds));
