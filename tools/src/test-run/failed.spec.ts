import { describe, expect, it } from '@jest/globals';
import { failedParts, namesByFile } from './failed.ts';
import type { TestName } from './jest-messages.ts';

const part = (name: string, failed: number, failures: TestName[] = []) => ({
  name,
  outcome: { passed: 5, failed },
  progress: { failures },
});

describe('failedParts', () => {
  it('names the tests that failed, and no part that passed', () => {
    const test = { file: 'a.spec.ts', name: 'x' };
    expect(failedParts([part('unit', 1, [test]), part('kill', 0)])).toEqual([{ name: 'unit', tests: [test] }]);
  });

  it('names a check without tests', () => {
    expect(failedParts([part('lint', 1)])).toEqual([{ name: 'lint', tests: [] }]);
  });

  it('names a suite as a whole when something besides its tests failed', () => {
    const parts = [part('e2e', 2, [{ file: 'a.e2e.ts', name: 'x' }])];
    expect(failedParts(parts)).toEqual([{ name: 'e2e', tests: [] }]);
  });
});

describe('namesByFile', () => {
  it('gathers the names of each file, each once', () => {
    const tests = [
      { file: 'a', name: 'x' },
      { file: 'b', name: 'x' },
      { file: 'a', name: 'y' },
      { file: 'a', name: 'x' },
    ];
    expect(namesByFile(tests)).toEqual({ a: ['x', 'y'], b: ['x'] });
  });

  it('has no names for a file that failed as a whole', () => {
    expect(namesByFile([{ file: 'a', name: 'x' }, { file: 'a' }, { file: 'a', name: 'y' }])).toEqual({ a: [] });
  });
});
