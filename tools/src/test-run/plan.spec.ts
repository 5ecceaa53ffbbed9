import { describe, expect, it } from '@jest/globals';
import { CHECKS } from './checks.ts';
import type { FailedPart } from './failed.ts';
import { readOptions } from './options.ts';
import { planOf, type Plan } from './plan.ts';
import { SUITES } from './suites.ts';

const plan = (args: readonly string[], failed: readonly FailedPart[] = []) => planOf(readOptions(args), failed);
const namesOf = ({ checks, suites, supportMatrix }: Plan) => [
  ...checks.map(({ name }) => name),
  ...suites.map(({ suite }) => suite.name),
  ...(supportMatrix ? ['support matrix'] : []),
];
const everything = [...CHECKS, ...SUITES].map(({ name }) => name).concat('support matrix');

describe('planOf', () => {
  it('has all checks and suites unless told', () => {
    expect(namesOf(plan([]))).toEqual(everything);
  });

  it('builds for a suite that runs what was built, and for no other', () => {
    expect(namesOf(plan(['unit']))).toEqual(['unit']);
    expect(namesOf(plan(['unit', 'e2e']))).toEqual(['build', 'unit', 'e2e']);
  });

  it('compares the support matrix with a whole conformance suite only', () => {
    expect(namesOf(plan(['conformance']))).toEqual(['build', 'conformance', 'support matrix']);
    expect(namesOf(plan(['conformance', '--testPathPatterns', 'kvm']))).toEqual(['build', 'conformance']);
  });

  describe('of what failed', () => {
    it('is nothing when nothing failed', () => {
      expect(namesOf(plan(['--failed']))).toEqual([]);
    });

    it('is the tests that failed', () => {
      const { suites } = plan(
        ['--failed'],
        [{ name: 'unit', tests: [{ file: 'a.spec.ts', name: 'x' }, { file: 'b.spec.ts' }] }],
      );
      expect(suites).toEqual([
        { suite: expect.objectContaining({ name: 'unit' }), only: { 'a.spec.ts': ['x'], 'b.spec.ts': [] } },
      ]);
    });

    it('is the checks that failed, with the build that they need', () => {
      expect(namesOf(plan(['--failed'], [{ name: 'lint', tests: [] }]))).toEqual(['lint']);
      expect(namesOf(plan(['--failed'], [{ name: 'generated files', tests: [] }]))).toEqual([
        'build',
        'generated files',
      ]);
    });

    it('is a whole suite when something besides its tests failed', () => {
      const { suites } = plan(['--failed'], [{ name: 'kill', tests: [] }]);
      expect(suites).toEqual([{ suite: expect.objectContaining({ name: 'kill' }) }]);
    });

    it('is the whole conformance suite for the support matrix', () => {
      const failed = [
        { name: 'conformance', tests: [{ file: 'a.conformance.ts', name: 'x' }] },
        { name: 'support matrix', tests: [] },
      ];
      const { suites, supportMatrix } = plan(['--failed'], failed);
      expect(suites).toEqual([{ suite: expect.objectContaining({ name: 'conformance' }) }]);
      expect(supportMatrix).toBe(true);
    });

    it('is everything when something was left behind by whatever it was', () => {
      expect(namesOf(plan(['--failed'], [{ name: 'nothing left behind', tests: [] }]))).toEqual(everything);
    });
  });
});
