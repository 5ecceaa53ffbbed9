import { describe, expect, it } from '@jest/globals';
import { beginning, few } from './few.ts';

describe('few', () => {
  it('shows all of what is short, and one more rather than that there is one more', () => {
    expect(few([1, 2], 3)).toEqual({ shown: [1, 2], more: 0 });
    expect(few([1, 2, 3, 4], 3)).toEqual({ shown: [1, 2, 3, 4], more: 0 });
  });

  it('counts what it does not show', () => {
    expect(few([1, 2, 3, 4, 5], 3)).toEqual({ shown: [1, 2, 3], more: 2 });
  });
});

describe('beginning', () => {
  it('cuts a long text, and says where the rest is', () => {
    expect(beginning('a\nb\n', 2, 'in the log')).toBe('a\nb');
    expect(beginning('a\nb\nc\nd\n', 2, 'in the log')).toBe('a\nb\n… 2 more lines in the log');
  });
});
