import { describe, expect, it } from '@jest/globals';
import { readShakeOptions, repeatCommand, SHAKE_HELP } from './shake-options.ts';
import { SHAKES } from './shakes.ts';

const read = (...args: string[]) => readShakeOptions(args, () => 42);

describe('readShakeOptions', () => {
  it('takes all shakes and a random seed unless told', () => {
    expect(read()).toMatchObject({ shakes: SHAKES, suites: undefined, seed: 42, times: undefined });
  });

  it('takes what it is told', () => {
    const options = read('order', 'load', '--suites', 'unit,e2e', '--seed', '7', '--times', '3');
    expect(options.shakes.map(({ name }) => name)).toEqual(['order', 'load']);
    expect(options).toMatchObject({ suites: ['unit', 'e2e'], seed: 7, times: 3 });
  });

  it('says what it does not know', () => {
    expect(() => read('storm')).toThrow('There is no shake "storm".');
    expect(() => read('--suites', 'unit,unity')).toThrow('There is no suite "unity".');
    expect(() => read('--seed', 'x')).toThrow('--seed takes a whole number of at least 0, and not "x".');
    expect(() => read('--times', '0')).toThrow('--times takes a whole number of at least 1, and not "0".');
  });
});

describe('repeatCommand', () => {
  it('is a command that is understood, and means the same shake of the same file', () => {
    for (const shake of SHAKES) {
      const command = repeatCommand(shake, 7, 'service', 'libs/bus/src/bucket.service.ts');
      const [, args] = command.split(' -- ');
      expect(read(...args!.split(' '))).toMatchObject({
        shakes: [shake],
        suites: ['service'],
        seed: 7,
        times: 1,
        pattern: 'libs/bus/src/bucket.service.ts',
      });
    }
  });
});

describe('SHAKE_HELP', () => {
  it('names every shake', () => {
    for (const { name } of SHAKES) expect(SHAKE_HELP).toContain(name);
  });
});
