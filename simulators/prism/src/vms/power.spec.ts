import { describe, expect, it } from '@jest/globals';
import { powerResult, type PowerAction, type PowerFacts } from './power.ts';

const facts: PowerFacts = {
  power: 'ON',
  guestResponsive: true,
  guestTools: true,
  offWhenOff: 'fail',
  onWhenOn: 'succeed',
};
const kind = (action: PowerAction, change: Partial<PowerFacts> = {}): string =>
  powerResult(action, { ...facts, ...change }).kind;

describe('the power table', () => {
  it.each<[PowerAction, string, string]>([
    ['on', 'unchanged', 'on'],
    ['off', 'off', 'failed'],
    ['acpiShutdown', 'off', 'failed'],
    ['guestShutdown', 'off', 'failed'],
    ['acpiReboot', 'restarted', 'failed'],
    ['guestReboot', 'restarted', 'failed'],
    ['reset', 'restarted', 'failed'],
    ['powerCycle', 'restarted', 'failed'],
  ])('%s of a VM that is on: %s; off: %s', (action, whenOn, whenOff) => {
    expect(kind(action)).toBe(whenOn);
    expect(kind(action, { power: 'OFF' })).toBe(whenOff);
  });

  it('fails soft requests to a guest that does not answer, and hard ones never', () => {
    const deaf = { guestResponsive: false };
    expect(['acpiShutdown', 'guestShutdown', 'acpiReboot'].map((action) => kind(action as PowerAction, deaf))).toEqual(
      Array(3).fill('failed'),
    );
    expect(['off', 'reset', 'powerCycle'].map((action) => kind(action as PowerAction, deaf))).toEqual([
      'off',
      'restarted',
      'restarted',
    ]);
  });

  it('needs guest tools for guest requests alone', () => {
    expect(kind('guestShutdown', { guestTools: false })).toBe('failed');
    expect(kind('acpiShutdown', { guestTools: false })).toBe('off');
  });

  it('follows the knobs where the reference does not know', () => {
    expect(kind('off', { power: 'OFF', offWhenOff: 'succeed' })).toBe('unchanged');
    expect(kind('reset', { power: 'OFF', offWhenOff: 'succeed' })).toBe('failed');
    expect(kind('on', { onWhenOn: 'fail' })).toBe('failed');
  });
});
