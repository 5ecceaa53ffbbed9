import { describe, expect, it } from '@jest/globals';
import { outcomeOf } from './jest.ts';

const nothing = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numRuntimeErrorTestSuites: 0,
};

describe('outcomeOf', () => {
  it('counts passed and failed tests', () => {
    expect(outcomeOf({ ...nothing, numPassedTests: 5, numFailedTests: 2 })).toEqual({ passed: 5, failed: 2 });
  });

  it('counts a file that cannot run as a failure', () => {
    expect(outcomeOf({ ...nothing, numPassedTests: 5, numRuntimeErrorTestSuites: 1 })).toEqual({
      passed: 5,
      failed: 1,
    });
  });

  it('takes no skipped test for a passed one', () => {
    expect(outcomeOf({ ...nothing, numPendingTests: 2, numTodoTests: 1 })).toEqual({
      passed: 0,
      failed: 0,
      skipped: 3,
    });
  });
});
