import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { paced, type Pace } from './pace.ts';

describe('a pace of a second', () => {
  const work = jest.fn();
  let pace: Pace;
  beforeEach(() => {
    jest.useFakeTimers();
    work.mockReset();
    pace = paced(work, 1_000);
  });
  afterEach(() => {
    pace.stop();
    jest.useRealTimers();
  });

  it('does the first at once, and however many follow once more when the second is over', () => {
    for (let asked = 0; asked < 300; asked++) pace.soon();
    expect(work).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(1_000);
    expect(work).toHaveBeenCalledTimes(2);
    jest.advanceTimersByTime(10_000);
    expect(work).toHaveBeenCalledTimes(2);
    pace.soon();
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('keeps to it while it is asked all the time', () => {
    for (let ms = 0; ms < 10_000; ms += 10) {
      pace.soon();
      jest.advanceTimersByTime(10);
    }
    expect(work).toHaveBeenCalledTimes(11);
  });

  it('does what may wait when the second is over, and nothing once it is stopped', () => {
    pace.later();
    pace.later();
    expect(work).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1_000);
    expect(work).toHaveBeenCalledTimes(1);
    pace.later();
    pace.stop();
    jest.advanceTimersByTime(10_000);
    expect(work).toHaveBeenCalledTimes(1);
  });
});
