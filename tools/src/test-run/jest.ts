import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npmProgram } from '../npm-program.ts';
import { root } from '../places.ts';
import { foreground } from './foreground.ts';
import { failure, type Outcome } from './outcome.ts';
import { hasFiles, type Suite } from './suites.ts';

/** The part of `jest --json` that counts. */
interface JestResult {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  /** Files that failed before or after their tests. */
  numRuntimeErrorTestSuites: number;
}

/** Jest's default is below the temporary files, which do not last. */
const CACHE = join(root, 'node_modules/.cache/jest');
const EXIT_PATIENCE_MS = 30_000;

/** Runs one suite; `env` reaches every process it starts. */
export async function runSuite(suite: Suite, env: NodeJS.ProcessEnv, jestArgs: readonly string[]): Promise<Outcome> {
  if (!(await hasFiles(suite))) return { passed: 0, failed: 0, note: 'it has no test files' };
  const folder = await mkdtemp(join(tmpdir(), 'jest-result-'));
  const resultFile = join(folder, 'result.json');
  try {
    const args = ['--selectProjects', suite.name, '--json', '--outputFile', resultFile, '--cacheDirectory', CACHE];
    const workers = suite.inBand ? ['--runInBand'] : ['--maxWorkers', '100%'];
    const end = await foreground(npmProgram('jest'), [...args, ...workers, ...jestArgs], {
      env: { ...env, NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' },
      timeoutMs: suite.timeoutMinutes * 60_000,
      // Jest waits for ever for what a test has left open.
      isStuck: async () =>
        Date.now() - ((await stat(resultFile).catch(() => undefined))?.mtimeMs ?? Infinity) > EXIT_PATIENCE_MS,
    });
    const text = await readFile(resultFile, 'utf8').catch(() => undefined);
    const counted = text === undefined ? undefined : outcomeOf(JSON.parse(text) as JestResult);
    if ('killed' in end && end.killed === 'timeout')
      return failure(`not finished after ${suite.timeoutMinutes} minutes`);
    if (counted === undefined) return failure('Jest ended without a result');
    if ('killed' in end) return plusFailure(counted, 'something the tests left open kept Jest from exiting');
    if (counted.passed + counted.failed === 0) return failure('no test matched');
    if (end.code !== 0 && counted.failed === 0) return plusFailure(counted, `Jest exited with ${end.code}`);
    return counted;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What Jest's result means for the totals. A file that could not run is one failure. */
export function outcomeOf(result: JestResult): Outcome {
  const skipped = result.numPendingTests + result.numTodoTests;
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    ...(skipped > 0 ? { skipped } : {}),
  };
}

function plusFailure(outcome: Outcome, note: string): Outcome {
  return { ...outcome, failed: outcome.failed + 1, note };
}
