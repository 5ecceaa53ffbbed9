import { describe, expect, it } from '@jest/globals';
import { randomNumbers, shuffled } from './seed.ts';

const items = Array.from({ length: 20 }, (_, index) => index);

describe('shuffled', () => {
  it('gives the same order for the same seed, and another one for another', () => {
    expect(shuffled(items, 7)).toEqual(shuffled(items, 7));
    expect(shuffled(items, 7)).not.toEqual(shuffled(items, 8));
  });

  it('loses and doubles nothing, and leaves what it was given alone', () => {
    const given = [...items];
    expect(shuffled(given, 3).sort((a, b) => a - b)).toEqual(items);
    expect(given).toEqual(items);
  });

  it('puts every item at every place', () => {
    const places = new Set(items.map((seed) => shuffled(['a', 'b', 'c'], seed).indexOf('a')));
    expect(places).toEqual(new Set([0, 1, 2]));
  });
});

describe('randomNumbers', () => {
  it('are at least 0 and below 1', () => {
    const random = randomNumbers(1);
    const numbers = Array.from({ length: 1_000 }, random);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    expect(new Set(numbers).size).toBeGreaterThan(990);
  });
});
