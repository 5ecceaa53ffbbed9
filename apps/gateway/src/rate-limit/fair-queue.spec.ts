import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FairQueue } from './fair-queue.ts';

const paceMs = 1_000;

describe('a fair queue', () => {
  let queue: FairQueue;
  let emptied: number;
  let heard: string[];
  beforeEach(() => {
    jest.useFakeTimers();
    emptied = 0;
    heard = [];
    queue = new FairQueue({ paceMs, most: 100, onEmpty: () => (emptied += 1) });
  });
  afterEach(() => {
    queue.close();
    jest.useRealTimers();
  });

  const wait = (name: string, from = [name]) =>
    void queue.wait(from).then((isTheirTurn) => heard.push(`${isTheirTurn ? '' : 'no room for '}${name}`));
  const turns = (count: number) => jest.advanceTimersByTimeAsync(count * paceMs);

  it('lets one through at each beat, the first of them after one', async () => {
    wait('a');
    wait('b');
    await jest.advanceTimersByTimeAsync(paceMs - 1);
    expect(heard).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(heard).toHaveLength(1);
    await turns(1);
    expect(heard.toSorted()).toEqual(['a', 'b']);
    expect(emptied).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('has who comes for the first time go before those who have had a turn', async () => {
    // Each comes back at once, for ever.
    const insist = async (name: string) => {
      while (await queue.wait([name])) heard.push(name);
    };
    const crowd = Array.from({ length: 90 }, (_, n) => insist(`crowd ${n}`));
    await turns(90);
    expect(new Set(heard).size).toBe(90);
    wait('owner');
    await turns(1);
    expect(heard.at(-1)).toBe('owner');
    wait('owner');
    await turns(91);
    expect(heard.filter((name) => name === 'owner')).toHaveLength(2);
    queue.close();
    await Promise.all(crowd);
  });

  it('takes room from who has most of it', async () => {
    for (let n = 0; n < 150; n++) wait(`crowd ${n}`, ['crowd', `crowd ${n}`]);
    wait('owner');
    await turns(1);
    expect(heard.filter((name) => name.startsWith('no room for crowd'))).toHaveLength(51);
    expect(heard).not.toContain('no room for owner');
    await turns(1);
    expect(heard).toContain('owner');
  });

  it('does the same among those of one network', async () => {
    for (let n = 0; n < 5; n++) wait('busy', ['network', 'busy']);
    await turns(1);
    wait('owner', ['network', 'owner']);
    await turns(1);
    expect(heard).toEqual(['busy', 'owner']);
  });

  it('has no room for anybody at its end', async () => {
    wait('a');
    wait('b');
    queue.close();
    await turns(0);
    expect(heard).toEqual(['no room for a', 'no room for b']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
