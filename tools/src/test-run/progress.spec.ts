import { describe, expect, it } from '@jest/globals';
import type { FileMessage, TestEnd } from './jest-messages.ts';
import { Progress } from './progress.ts';

const test = (name: string, status: TestEnd['status'], ms = 1): TestEnd => ({ name, status, ms });
const file = (name: string, tests: TestEnd[], rest: Partial<FileMessage> = {}): FileMessage => ({
  kind: 'file',
  file: name,
  ms: 10,
  tests,
  ...rest,
});

describe('Progress', () => {
  it('counts files, passed, failed and skipped tests', () => {
    const progress = new Progress();
    progress.take({ kind: 'begin', files: 2 });
    progress.take(file('a.spec.ts', [test('x', 'passed'), test('y', 'failed'), test('z', 'skipped')]));
    expect(progress).toMatchObject({ files: 2, filesDone: 1, hasEnded: false });
    expect(progress.outcome).toEqual({ passed: 1, failed: 1, skipped: 1 });
    progress.take(file('b.spec.ts', [test('x', 'passed')]));
    progress.take({ kind: 'end' });
    expect(progress).toMatchObject({ filesDone: 2, hasEnded: true });
    expect(progress.outcome).toEqual({ passed: 2, failed: 1, skipped: 1 });
  });

  it('counts a failed test at once, and once', () => {
    const progress = new Progress();
    progress.take({ kind: 'failing', test: { file: 'a.spec.ts', name: 'x' } });
    expect(progress.outcome).toEqual({ passed: 0, failed: 1 });
    progress.take(file('a.spec.ts', [test('x', 'failed')]));
    expect(progress.outcome).toEqual({ passed: 0, failed: 1 });
    expect(progress.failures).toEqual([{ file: 'a.spec.ts', name: 'x' }]);
  });

  it('counts a passed test at once, and once', () => {
    const progress = new Progress();
    progress.take({ kind: 'passing', file: 'a.spec.ts' });
    progress.take({ kind: 'passing', file: 'b.spec.ts' });
    expect(progress.outcome).toEqual({ passed: 2, failed: 0 });
    progress.take(file('a.spec.ts', [test('x', 'passed')]));
    expect(progress.outcome).toEqual({ passed: 2, failed: 0 });
  });

  it('keeps what failed in a file whose end never came', () => {
    const progress = new Progress();
    progress.take({ kind: 'failing', test: { file: 'a.spec.ts', name: 'x' } });
    progress.take({ kind: 'failing', test: { file: 'a.spec.ts', name: 'y' } });
    progress.take(file('b.spec.ts', [test('x', 'passed')]));
    expect(progress.outcome).toEqual({ passed: 1, failed: 2 });
  });

  it('counts a file that cannot run as a failure', () => {
    const progress = new Progress();
    progress.take({ kind: 'failing', test: { file: 'a.spec.ts' } });
    progress.take(file('a.spec.ts', [], { isBroken: true }));
    progress.take(file('b.spec.ts', [test('x', 'passed')], { isBroken: true }));
    expect(progress.outcome).toEqual({ passed: 1, failed: 2 });
  });

  it('counts a file that was run again as a failure, whatever came of it then', () => {
    const progress = new Progress();
    progress.take({ kind: 'passing', file: 'a.spec.ts' });
    progress.take({ kind: 'failing', test: { file: 'a.spec.ts', name: 'y' } });
    for (let time = 0; time < 2; time += 1) progress.take({ kind: 'passing', file: 'a.spec.ts' });
    progress.take(file('a.spec.ts', [test('x', 'passed'), test('y', 'passed')]));
    expect(progress.outcome).toEqual({ passed: 2, failed: 1 });
    expect(progress.failures).toContainEqual({ file: 'a.spec.ts' });
  });

  it('takes no skipped test for a passed one', () => {
    const progress = new Progress();
    progress.take(file('a.spec.ts', [test('x', 'skipped')]));
    expect(progress.outcome).toEqual({ passed: 0, failed: 0, skipped: 1 });
  });

  it('keeps how long files and tests took', () => {
    const progress = new Progress();
    progress.take(file('a.spec.ts', [test('x', 'passed', 7)], { ms: 9 }));
    expect(progress.tests).toEqual([{ file: 'a.spec.ts', name: 'x', ms: 7 }]);
    expect(progress.fileDurations).toEqual([{ file: 'a.spec.ts', ms: 9 }]);
  });
});
