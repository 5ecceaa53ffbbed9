import { describe, expect, it } from '@jest/globals';
import { CallSlots, Queues } from './call-slots.ts';

const gate = () => {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
};
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('slots for calls', () => {
  it('are bounded, and one is never given to a change', async () => {
    const slots = new CallSlots(3);
    const { opened, open } = gate();
    const begun: string[] = [];
    const call = (kind: 'look' | 'change', name: string) =>
      slots.within(kind, async () => {
        begun.push(name);
        await opened;
      });
    const calls = [call('change', 'a'), call('change', 'b'), call('change', 'c'), call('look', 'd'), call('look', 'e')];
    await settle();
    expect(begun).toEqual(['a', 'b', 'd']);
    open();
    await Promise.all(calls);
    expect(begun.sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('are free again when a call fails', async () => {
    const slots = new CallSlots(2);
    for (let time = 0; time < 5; time += 1)
      await expect(slots.within('change', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await slots.within('change', async () => 'yes')).toBe('yes');
  });
});

describe('queues', () => {
  it('let works with a common key follow each other, and others pass', async () => {
    const queues = new Queues();
    const { opened, open } = gate();
    const done: string[] = [];
    const first = queues.within(['a', 'b'], async () => {
      await opened;
      done.push('a and b');
    });
    const second = queues.within(['b', 'c'], async () => void done.push('b and c'));
    await queues.within(['d'], async () => void done.push('d'));
    expect(done).toEqual(['d']);
    open();
    await Promise.all([first, second]);
    expect(done).toEqual(['d', 'a and b', 'b and c']);
  });

  it('go on behind a work that failed', async () => {
    const queues = new Queues();
    const failing = queues.within(['a'], () => Promise.reject(new Error('no')));
    const next = queues.within(['a'], async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});
