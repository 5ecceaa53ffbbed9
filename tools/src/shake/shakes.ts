import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RunOptions } from '../test-run/run.ts';
import { SUITES } from '../test-run/suites.ts';

/** Read by the test kits of the simulators: every delay of theirs times this. */
export const TIME_SCALE = 'POLYVIRT_TEST_TIME_SCALE';

/** A way to disturb the tests, under which those that are right pass all the same. */
export interface Shake {
  readonly name: string;
  readonly help: string;
  /** Suites it is for unless told. */
  readonly suites: readonly string[];
  /** It runs so often unless told. */
  readonly times: number;
  options(seed: number): RunOptions;
  /** Begins what disturbs from outside; the answer ends it. */
  disturb?(): () => Promise<void>;
}

const all = SUITES.map(({ name }) => name);
const onSimulators = ['simulator', 'conformance', 'kill'];

export const SHAKES: readonly Shake[] = [
  {
    name: 'order',
    help: 'the tests of each file, and the files, in a random order, and random lives of another seed',
    suites: all,
    times: 1,
    options: (seed) => ({
      args: ['--randomize', '--seed', String(seed)],
      env: { POLYVIRT_TEST_SEED: String(seed) },
    }),
  },
  {
    name: 'load',
    help: 'something else keeps every core busy',
    suites: all,
    times: 1,
    options: () => ({}),
    disturb: keepBusy,
  },
  {
    name: 'one-core',
    help: 'everything on one core (needs taskset)',
    suites: all,
    times: 1,
    options: () => ({ launcher: ['taskset', '--cpu-list', '0'], cores: 1 }),
  },
  {
    name: 'timers-0',
    help: 'everything that takes a simulator time takes it none',
    suites: onSimulators,
    times: 1,
    options: () => ({ env: { [TIME_SCALE]: '0' } }),
  },
  {
    name: 'timers-10',
    help: 'everything takes a simulator ten times as long',
    suites: onSimulators,
    times: 1,
    options: () => ({ env: { [TIME_SCALE]: '10' }, args: ['--testTimeout', '600000'] }),
  },
  {
    name: 'repeat',
    help: 'the suites that start servers again and again, in a random order each time',
    suites: ['service', 'simulator', 'database'],
    times: 20,
    options: (seed) => ({ args: ['--randomize', '--seed', String(seed)] }),
  },
];

function keepBusy(): () => Promise<void> {
  const workers = Array.from({ length: availableParallelism() }, () => new Worker('for (;;);', { eval: true }));
  return async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
}
