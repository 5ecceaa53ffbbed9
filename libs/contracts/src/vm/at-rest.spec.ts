import { describe, expect, it } from '@jest/globals';
import type { ProblemError } from '../problem/problem.ts';
import { requireAtRest } from './hardware-change.ts';

const vm = { name: 'web-1', state: 'stopped' as const, template: false, autostart: false };

describe('a template', () => {
  it.each<[string, Partial<Parameters<typeof requireAtRest>[0]>, Parameters<typeof requireAtRest>[1], string]>([
    ['is made of a VM that is off', {}, { template: true }, 'none'],
    ['is made of a VM that has crashed', { state: 'crashed' }, { template: true }, 'none'],
    ['is not made of a running VM', { state: 'running' }, { template: true }, 'wrong-state'],
    ['is not made of a paused VM', { state: 'paused' }, { template: true }, 'wrong-state'],
    ['is not made of a VM that starts with its host', { autostart: true }, { template: true }, '/template'],
    ['is made of one that no longer does', { autostart: true }, { template: true, autostart: false }, 'none'],
    ['does not begin to start with its host', { template: true }, { autostart: true }, '/autostart'],
    ['may start with its host once it is none', { template: true }, { template: false, autostart: true }, 'none'],
    ['is made an ordinary VM when it is off', { template: true, state: 'running' }, { template: false }, 'wrong-state'],
    ['stays one that another tool has started', { template: true, state: 'running' }, { template: true }, 'none'],
    ['is changed in all else whatever it is', { template: true, autostart: true }, {}, 'none'],
  ])('%s', (_, seen, change, refused) => {
    let found = 'none';
    try {
      requireAtRest({ ...vm, ...seen }, change);
    } catch (error) {
      const { code, extras } = error as ProblemError;
      found = extras.errors?.[0]?.pointer ?? code;
    }
    expect(found).toBe(refused);
  });
});
