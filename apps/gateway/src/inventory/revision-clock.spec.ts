import { describe, expect, it } from '@jest/globals';
import { RevisionClock } from './revision-clock.ts';

describe('RevisionClock', () => {
  it('answers at once for what has been reached', async () => {
    const clock = new RevisionClock();
    clock.advance(7);
    clock.advance(3);
    expect(await clock.reached(7, 0)).toBe(true);
  });

  it('waits for what is coming, for a while', async () => {
    const clock = new RevisionClock();
    const [soon, never] = [clock.reached(5, 5_000), clock.reached(9, 5)];
    clock.advance(6);
    expect(await soon).toBe(true);
    expect(await never).toBe(false);
  });
});
