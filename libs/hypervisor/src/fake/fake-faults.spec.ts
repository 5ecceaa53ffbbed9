import { describe, expect, it } from '@jest/globals';
import { FakeFaults } from './fake-faults.ts';

const strike = { vanish: () => undefined, crash: () => undefined };
const reach = (faults: FakeFaults, signal?: AbortSignal) => faults.reach('start', 'before', signal, undefined);

describe('a fault for one VM', () => {
  it('strikes the calls about it, and no others', async () => {
    const faults = new FakeFaults([{ at: 'start', on: 'one', breakWith: 'broken' }], strike);
    await expect(faults.reach('start', 'before', undefined, 'one')).rejects.toThrow('broken');
    await faults.reach('start', 'before', undefined, 'two');
    await faults.reach('start', 'before', undefined, undefined);
  });
});

describe('a fault that holds', () => {
  it('lets the call wait until it is disarmed', async () => {
    const faults = new FakeFaults([], strike);
    const disarm = faults.add({ at: 'start', hold: true });
    let isOver = false;
    const call = reach(faults).then(() => (isOver = true));
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    disarm();
    await call;
    await reach(faults);
  });

  it('is disarmed with all others', async () => {
    const faults = new FakeFaults([{ at: 'start', hold: true }], strike);
    const calls = [reach(faults), reach(faults)];
    faults.clear();
    await Promise.all(calls);
  });

  it('ends with the signal of the call', async () => {
    const faults = new FakeFaults([{ at: 'start', hold: true }], strike);
    const cancel = new AbortController();
    const call = reach(faults, cancel.signal);
    cancel.abort(new Error('cancelled'));
    await expect(call).rejects.toThrow('cancelled');
    await expect(reach(faults, cancel.signal)).rejects.toThrow('cancelled');
  });
});
