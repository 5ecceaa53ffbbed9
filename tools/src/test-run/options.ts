import { parseArgs } from 'node:util';
import { SUITES } from './suites.ts';

export const HELP = `usage: npm test [-- <suite>… [options]]

Runs the checks (build, lint, format, generated files) and every suite, or only the suites named:
  ${SUITES.map(({ name }) => name).join(', ')}
What uses different parts of the machine runs side by side.

  --failed          run exactly the tests and checks that failed in the last run
  --testPathPatterns <pattern>
                    run only the test files whose path matches
  --testNamePattern <pattern>
                    run only the tests whose name matches
  --no-install      say what is missing and how to install it, and stop

A failed test is named at once, its message follows when its file is done. Everything that was printed is in
.polyvirt/test/test.log, each line with its suite. The last line is "N passed, N failed"; the exit code is 0 when nothing failed.

Without a terminal there is a line about the progress every 20 seconds.
npm run test:shake looks for tests that pass only sometimes.
`;

export interface Options {
  /** Suites to run; empty: everything. */
  readonly suites: readonly string[];
  readonly failed: boolean;
  readonly install: boolean;
  /** For Jest. */
  readonly jestArgs: readonly string[];
  readonly help: boolean;
}

/** Throws an error that says what is wrong with the arguments. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      failed: { type: 'boolean' },
      'no-install': { type: 'boolean' },
      testPathPatterns: { type: 'string' },
      testNamePattern: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const unknown = positionals.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) throw new Error(`There is no suite "${unknown}".`);
  const jestArgs = (['testPathPatterns', 'testNamePattern'] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  const failed = values.failed === true;
  if (failed && (positionals.length > 0 || jestArgs.length > 0))
    throw new Error('--failed runs what failed in the last run; it takes no suites and no patterns.');
  return {
    suites: positionals,
    failed,
    install: values['no-install'] !== true,
    jestArgs,
    help: values.help === true,
  };
}
