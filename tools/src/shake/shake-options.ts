import { parseArgs } from 'node:util';
import { SUITES } from '../test-run/suites.ts';
import { SHAKES, type Shake } from './shakes.ts';

export const SHAKE_HELP = `usage: npm run test:shake [-- <shake>… [options]]

Runs the suites disturbed, to find tests that pass only sometimes; with all shakes, or those named:
${SHAKES.map(({ name, help, suites, times }) => `  ${name.padEnd(10)} ${help}${times > 1 ? `; ${times} times` : ''}\n${' '.repeat(13)}${suites.length === SUITES.length ? 'all suites' : suites.join(', ')}`).join('\n')}

  --suites <suite>,…  only these suites
  --seed <number>     the same random orders again; the seed is printed at the beginning
  --times <number>    how often each shake runs
  --testPathPatterns <pattern>
                      only the test files whose path matches

A test that fails under a shake is at fault, or what it tests is: it is never run again until it passes.
The last lines say what failed under which shake, and the command that repeats it.
`;

export interface ShakeOptions {
  readonly shakes: readonly Shake[];
  readonly suites: readonly string[] | undefined;
  readonly seed: number;
  readonly times: number | undefined;
  readonly pattern: string | undefined;
  readonly help: boolean;
}

/** Throws an error that says what is wrong with the arguments. */
export function readShakeOptions(args: readonly string[], randomSeed: () => number): ShakeOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      suites: { type: 'string' },
      seed: { type: 'string' },
      times: { type: 'string' },
      testPathPatterns: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const unknown = positionals.find((name) => !SHAKES.some((shake) => shake.name === name));
  if (unknown !== undefined) throw new Error(`There is no shake "${unknown}".`);
  const suites = values.suites?.split(',');
  const noSuite = suites?.find((name) => !SUITES.some((suite) => suite.name === name));
  if (noSuite !== undefined) throw new Error(`There is no suite "${noSuite}".`);
  return {
    shakes: positionals.length === 0 ? SHAKES : SHAKES.filter(({ name }) => positionals.includes(name)),
    suites,
    seed: wholeNumber('--seed', values.seed, 0) ?? randomSeed(),
    times: wholeNumber('--times', values.times, 1),
    pattern: values.testPathPatterns,
    help: values.help === true,
  };
}

function wholeNumber(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < least || number > 2 ** 31 - 1)
    throw new Error(`${option} takes a whole number of at least ${least}, and not "${text}".`);
  return number;
}

/** The command that runs one file under one shake again. */
export function repeatCommand(shake: Shake, seed: number, suite: string, file?: string): string {
  return [
    `npm run test:shake -- ${shake.name} --suites ${suite} --seed ${seed} --times 1`,
    ...(file === undefined ? [] : [`--testPathPatterns ${file}`]),
  ].join(' ');
}
