import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import { HostPatience, type Clock } from './host-patience.ts';

const away = new ProblemError('host-offline', 'It is away.');
const never = new Promise<void>(() => undefined);

/** Time passes when it is waited for, and then at once. */
class FastClock implements Clock {
  readonly pauses: number[] = [];

  now(): number {
    return this.pauses.reduce((sum, ms) => sum + ms, 0);
  }

  async pause(ms: number): Promise<void> {
    await Promise.resolve();
    this.pauses.push(ms);
  }
}

describe('the patience with a host', () => {
  const clock = () => new FastClock();
  const patience = (withinMs: number, time: Clock, signal = new AbortController().signal) =>
    new HostPatience(signal, { withinMs, firstPauseMs: 250, longestPauseMs: 1_000, letGoWithinMs: 0 }, time);

  it('lasts until the host answers, with pauses that grow up to a length', async () => {
    const time = clock();
    let calls = 0;
    const call = async () => {
      calls += 1;
      if (calls < 6) throw away;
      return 'done';
    };
    await expect(patience(10_000, time).outlast(call)).resolves.toBe('done');
    expect(time.pauses).toEqual([250, 500, 1_000, 1_000, 1_000]);
  });

  it('has an end, over all that is waited for', async () => {
    const time = clock();
    const short = patience(600, time);
    await expect(short.outlast(() => Promise.reject(away))).rejects.toBe(away);
    // Another 500 ms would be more than there is.
    expect(time.pauses).toEqual([250]);
    await short.await(never, new AbortController().signal);
    expect(time.now()).toBe(600);
    await expect(short.outlast(() => Promise.reject(away))).rejects.toBe(away);
    expect(time.now()).toBe(600);
  });

  it('is not for what another call does not mend', async () => {
    const refusal = new ProblemError('host-rejected', 'No.');
    let calls = 0;
    const call = (error: Error) => () => {
      calls += 1;
      return Promise.reject(error);
    };
    await expect(patience(10_000, clock()).outlast(call(refusal))).rejects.toBe(refusal);
    await expect(patience(10_000, clock()).outlast(call(away), () => false)).rejects.toBe(away);
    expect(calls).toBe(2);
  });

  it('ends with the signal', async () => {
    const end = new AbortController();
    const waits = new HostPatience(end.signal, {
      withinMs: 3_600_000,
      firstPauseMs: 600_000,
      longestPauseMs: 600_000,
      letGoWithinMs: 0,
    });
    const outlasting = waits.outlast(() => Promise.reject(away));
    const awaiting = waits.await(never, new AbortController().signal);
    const over = Promise.all([expect(outlasting).rejects.toThrow('over'), expect(awaiting).rejects.toThrow('over')]);
    end.abort(new Error('over'));
    await over;
  });
});
