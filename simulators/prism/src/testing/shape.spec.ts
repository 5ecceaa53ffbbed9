import { describe, expect, it } from '@jest/globals';
import { differences } from './shape.ts';

describe('differences', () => {
  it('finds nothing between values of the same keys and types', () => {
    expect(differences({ a: 1, b: [{ c: '' }] }, { a: 2, b: [{ c: 'x' }] })).toEqual([]);
  });

  it('names what is missing, what is too much and what is of another type', () => {
    expect(differences({ a: '1', b: [{ c: 1 }, {}], d: 1 }, { a: 1, b: [{ c: 1 }], e: 1 })).toEqual([
      '.e: missing',
      '.d: not in the example',
      '.a: string instead of number',
      '.b[1].c: missing',
    ]);
  });

  it('lets further members be where the example says so', () => {
    expect(differences({ a: 1, z: 1 }, { a: 1, '…': '' })).toEqual([]);
  });
});
