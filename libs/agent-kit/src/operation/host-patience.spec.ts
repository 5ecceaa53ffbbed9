import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import { HostPatience } from './host-patience.ts';

const away = new ProblemError('host-offline', 'It is away.');
const never = new Promise<void>(() => undefined);

describe('the patience with a host', () => {
  const patience = (withinMs: number, signal = new AbortController().signal) => new HostPatience(signal, withinMs);

  it('lasts until the host answers', async () => {
    let calls = 0;
    const call = async () => {
      calls += 1;
      if (calls < 3) throw away;
      return 'done';
    };
    await expect(patience(10_000).outlast(call)).resolves.toBe('done');
    expect(calls).toBe(3);
  });

  it('has an end, over all that is waited for', async () => {
    const short = patience(600);
    const began = Date.now();
    await expect(short.outlast(() => Promise.reject(away))).rejects.toBe(away);
    await short.await(never, new AbortController().signal);
    expect(Date.now() - began).toBeLessThan(1_000);
  });

  it('is not for what another call does not mend', async () => {
    const refusal = new ProblemError('host-rejected', 'No.');
    let calls = 0;
    const call = (error: Error) => () => {
      calls += 1;
      return Promise.reject(error);
    };
    await expect(patience(10_000).outlast(call(refusal))).rejects.toBe(refusal);
    await expect(patience(10_000).outlast(call(away), () => false)).rejects.toBe(away);
    expect(calls).toBe(2);
  });

  it('ends with the signal', async () => {
    const end = new AbortController();
    const waits = patience(60_000, end.signal);
    const outlasting = waits.outlast(() => Promise.reject(away));
    const awaiting = waits.await(never, new AbortController().signal);
    end.abort(new Error('over'));
    await expect(outlasting).rejects.toThrow('over');
    await expect(awaiting).rejects.toThrow('over');
  });
});
