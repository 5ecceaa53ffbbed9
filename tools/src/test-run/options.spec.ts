import { describe, expect, it } from '@jest/globals';
import { HELP, readOptions } from './options.ts';
import { SUITES } from './suites.ts';

describe('readOptions', () => {
  it('runs everything unless told', () => {
    expect(readOptions([])).toEqual({ suites: [], failed: false, install: true, jestArgs: [], help: false });
  });

  it('hands patterns on to Jest', () => {
    expect(readOptions(['unit', 'e2e', '--testPathPatterns', 'libs/bus', '--testNamePattern=x'])).toMatchObject({
      suites: ['unit', 'e2e'],
      jestArgs: ['--testPathPatterns', 'libs/bus', '--testNamePattern', 'x'],
    });
  });

  it('refuses what it does not know', () => {
    expect(() => readOptions(['units'])).toThrow('There is no suite "units".');
    expect(() => readOptions(['--fialed'])).toThrow("'--fialed'");
  });

  it('refuses --failed together with a choice', () => {
    expect(() => readOptions(['--failed', 'unit'])).toThrow('it takes no suites and no patterns');
    expect(() => readOptions(['--failed', '--testPathPatterns', 'x'])).toThrow('it takes no suites and no patterns');
  });
});

describe('HELP', () => {
  it('names every suite', () => {
    for (const { name } of SUITES) expect(HELP).toContain(name);
  });
});
