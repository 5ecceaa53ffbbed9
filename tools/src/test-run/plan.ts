import { CHECKS, type Check } from './checks.ts';
import { namesByFile, type FailedPart } from './failed.ts';
import type { Options } from './options.ts';
import { SUITES, type Suite } from './suites.ts';

/** A suite with what distinguishes this run of it. */
export interface PlannedSuite {
  readonly suite: Suite;
  /** More arguments of Jest. */
  readonly args?: readonly string[];
  /** Only these tests of these files; an empty list stands for all tests of the file. */
  readonly only?: Readonly<Record<string, readonly string[]>>;
}

/** What a run does. */
export interface Plan {
  readonly checks: readonly Check[];
  readonly suites: readonly PlannedSuite[];
  /** Compare the support matrix with what the conformance suite found. */
  readonly supportMatrix: boolean;
  /** Some tests of the suites are left out. */
  readonly isPartial: boolean;
}

/** What the options ask for; `failed` is what failed in the last run. */
export function planOf(options: Options, failed: readonly FailedPart[]): Plan {
  if (options.failed) return planOfFailed(failed);
  const isPartial = options.jestArgs.length > 0;
  if (options.suites.length === 0) return everything(options.jestArgs);
  const suites = SUITES.filter(({ name }) => options.suites.includes(name));
  return {
    checks: withBuild([], suites),
    suites: suites.map((suite) => ({ suite, args: options.jestArgs })),
    supportMatrix: !isPartial && suites.some(({ name }) => name === 'conformance'),
    isPartial,
  };
}

function everything(jestArgs: readonly string[] = []): Plan {
  const isPartial = jestArgs.length > 0;
  return {
    checks: CHECKS,
    suites: SUITES.map((suite) => ({ suite, args: jestArgs })),
    supportMatrix: !isPartial,
    isPartial,
  };
}

function planOfFailed(failed: readonly FailedPart[]): Plan {
  const names = new Set(failed.map(({ name }) => name));
  const isMatrix = names.has('support matrix');
  const suites = SUITES.flatMap((suite): PlannedSuite[] => {
    const { tests } = failed.find(({ name }) => name === suite.name) ?? {};
    // The matrix is made from the whole suite.
    if (suite.name === 'conformance' && isMatrix) return [{ suite }];
    if (tests === undefined) return [];
    return [tests.length === 0 ? { suite } : { suite, only: namesByFile(tests) }];
  });
  const checks = CHECKS.filter(({ name }) => names.has(name));
  // What was left behind, or what kept the machine from being prepared, says nothing about where to look.
  if (names.size > 0 && suites.length + checks.length === 0) return everything();
  return {
    checks: withBuild(
      checks,
      suites.map(({ suite }) => suite),
    ),
    suites,
    supportMatrix: isMatrix,
    isPartial: true,
  };
}

/** The checks, and the build where one of them or a suite needs it. */
function withBuild(checks: readonly Check[], suites: readonly Suite[]): Check[] {
  const isNeeded = suites.some(({ built }) => built) || checks.some(({ after }) => after?.includes('build'));
  return CHECKS.filter((check) => checks.includes(check) || (isNeeded && check.name === 'build'));
}
