import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.ts';

const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('come one after another, in the order they were asked for', async () => {
    const turns = new Turns();
    const seen: number[] = [];
    const first = await turns.take(['a']);
    const rest = [1, 2, 3].map((number) => turns.in('a', async () => void seen.push(number)));
    await soon();
    expect(seen).toEqual([]);
    first();
    await Promise.all(rest);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('for other keys do not wait', async () => {
    const turns = new Turns();
    await turns.take(['a']);
    await turns.take(['b']);
  });

  it('for two keys never wait for each other', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const both = async (name: string, order: string[]) => {
      const release = await turns.take(order);
      seen.push(name);
      await soon();
      release();
    };
    await Promise.all([both('one', ['a', 'b']), both('two', ['b', 'a']), both('three', ['b', 'a', 'a'])]);
    expect(seen.sort()).toEqual(['one', 'three', 'two']);
  });

  it('are given up when the signal aborts, and whoever stands behind still waits for the one before', async () => {
    const turns = new Turns();
    const release = await turns.take(['a']);
    const impatient = new AbortController();
    const second = turns.take(['b', 'a'], impatient.signal);
    const third = turns.take(['a']);
    let hasThird = false;
    void third.then(() => {
      hasThird = true;
    });
    impatient.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    // The key it already had is free again.
    (await turns.take(['b']))();
    await soon();
    expect(hasThird).toBe(false);
    release();
    await third;
    await expect(turns.take(['a'], AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });

  it('are freed when the work throws', async () => {
    const turns = new Turns();
    await expect(turns.in('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await turns.in('a', async () => {});
  });
});
