import { describe, expect, it } from '@jest/globals';
import { waitSecondsOf } from './prefer.ts';

describe('waitSecondsOf', () => {
  it.each([
    ['wait=30', 30],
    ['Wait = 5', 5],
    ['respond-async, wait=10', 10],
    ['respond-async; foo="a", wait="7"; bar', 7],
    [['return=minimal', 'wait=3'], 3],
    ['wait=1, wait=2', 1],
    ['wait=0', 0],
    ['wait=3600', 60],
    ['wait=99999999999999', undefined],
    ['wait', undefined],
    ['wait=', undefined],
    ['wait=-1', undefined],
    ['wait=1.5', undefined],
    ['wait=soon', undefined],
    ['await=5', undefined],
    ['', undefined],
    [',,;=', undefined],
    [undefined, undefined],
  ])('reads %j as %j', (header, seconds) => {
    expect(waitSecondsOf(header)).toBe(seconds);
  });
});
