import { describe, expect, it } from '@jest/globals';
import { beginBefore } from './begin-before.ts';

const now = Date.parse('2026-11-21T10:00:00Z');

describe('beginBefore', () => {
  it.each([
    [undefined, now + 30_000],
    ['2026-11-21T10:00:00.001Z', now + 1],
    ['2026-11-22T10:00:00Z', now + 86_400_000],
  ])('takes %s', (notAfter, expected) => {
    expect(beginBefore({ notAfter }, now)).toBe(expected);
  });

  it.each(['2026-11-21T10:00:00Z', '2020-01-01T00:00:00Z', '2026-11-22T10:00:00.001Z'])('refuses %s', (notAfter) => {
    expect(() => beginBefore({ notAfter }, now)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });
});
