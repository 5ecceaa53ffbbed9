import { describe, expect, it } from '@jest/globals';
import { PageCache } from './page-cache.ts';

describe('PageCache', () => {
  const counting = () => {
    let made = 0;
    return { make: () => Buffer.from(`page ${++made}`), made: () => made };
  };

  it('gives a page again until something changes', () => {
    const cache = new PageCache(10_000);
    const { make } = counting();
    expect(String(cache.get('a', 1, make))).toBe('page 1');
    expect(String(cache.get('a', 1, make))).toBe('page 1');
    expect(String(cache.get('b', 1, make))).toBe('page 2');
    expect(String(cache.get('a', 2, make))).toBe('page 3');
    expect(String(cache.get('b', 2, make))).toBe('page 4');
  });

  it('holds no more than it may, and lets go of the oldest', () => {
    const cache = new PageCache(3 * 600);
    const { make, made } = counting();
    for (const key of ['a', 'b', 'c', 'd', 'd', 'c']) cache.get(key, 1, make);
    expect(made()).toBe(4);
    cache.get('a', 1, make);
    expect(made()).toBe(5);
  });

  it('gives a page that is larger than all it may hold, and keeps it not', () => {
    const cache = new PageCache(100);
    const { make, made } = counting();
    cache.get('a', 1, make);
    cache.get('a', 1, make);
    expect(made()).toBe(2);
  });
});
