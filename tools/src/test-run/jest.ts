import { join } from 'node:path';
import { npmProgram } from '../npm-program.ts';
import { root } from '../places.ts';
import { expectedSeconds, lastDurations } from './durations.ts';
import type { GoMessage, JestMessage } from './jest-messages.ts';
import { failure, type Outcome } from './outcome.ts';
import type { Progress } from './progress.ts';
import { runProgram } from './program.ts';
import type { Part } from './report.ts';
import type { Slot, Slots } from './slots.ts';
import { hasFiles, type Suite } from './suites.ts';

/** Jest's default is below the temporary files, which do not last. */
const CACHE = join(root, 'node_modules/.cache/jest');
const EXIT_PATIENCE_MS = 30_000;
/** Of what Jest printed, when nothing else tells why it ended. */
const LAST_LINES = 40;

export interface SuiteRun {
  /** Files at once, at most. */
  workers: number;
  /** Of what the suite has at its beginning; its files take others. */
  slot: Slot;
  slots: Slots;
  /** More arguments of Jest. */
  args: readonly string[];
  /** Reaches every process that the suite starts. */
  env: NodeJS.ProcessEnv;
  /** Starts the pinned Node, such as `taskset -c 0`. */
  launcher?: readonly string[];
  /** Only some of its tests are wanted: those left out are no news. */
  isPartial: boolean;
  part: Part;
  output: (line: string) => void;
}

/** Runs one suite. */
export async function runSuite(suite: Suite, run: SuiteRun): Promise<Outcome> {
  const { part, slots } = run;
  const { progress } = part;
  if (!(await hasFiles(suite))) return { passed: 0, failed: 0, note: 'it has no test files' };
  let endedAt: number | undefined;
  let hasEnded = false;
  const taken = new Map<string, Slot>();
  const durations = await lastDurations();
  const weightOf = (file: string) => {
    const left = suite.seconds * (1 - progress.filesDone / (progress.files ?? 1));
    return Math.max(left, durations[file] ?? expectedSeconds[file] ?? 0);
  };
  const lastLines: string[] = [];
  const end = await runProgram(
    npmProgram('jest'),
    [
      ...['--selectProjects', suite.name, '--cacheDirectory', CACHE, '--maxWorkers', String(run.workers)],
      ...['--reporters', join(import.meta.dirname, 'jest-reporter.ts')],
      ...run.args,
    ],
    {
      env: { ...run.env, NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' },
      timeoutMs: suite.timeoutMinutes * 60_000,
      output: (line) => {
        lastLines.push(line);
        if (lastLines.length > LAST_LINES) lastLines.shift();
        run.output(line);
      },
      message: (received, answer) => {
        const message = received as JestMessage;
        progress.take(message);
        switch (message.kind) {
          case 'begin':
            run.slot.giveBack();
            return;
          case 'waiting':
            void slots.take(suite.load, weightOf(message.file)).then((slot) => {
              if (hasEnded) return slot.giveBack();
              taken.set(message.file, slot);
              answer({ go: message.file } satisfies GoMessage);
            });
            return;
          case 'passing':
            return;
          case 'failing':
            part.failing(message.test);
            return;
          case 'file':
            taken.get(message.file)?.giveBack();
            if (message.failure !== undefined) part.explain(message.failure);
            return;
          case 'end':
            endedAt = Date.now();
        }
      },
      // Jest waits for ever for what a test has left open.
      isStuck: () => endedAt !== undefined && Date.now() - endedAt > EXIT_PATIENCE_MS,
      ...(run.launcher ? { launcher: run.launcher } : {}),
    },
  );
  hasEnded = true;
  for (const slot of taken.values()) slot.giveBack();
  const outcome = outcomeOf(progress, run.isPartial);
  if ('killed' in end && end.killed === 'timeout')
    return plusFailure(outcome, `not finished after ${suite.timeoutMinutes} minutes`);
  // With --passWithNoTests.
  if (progress.files === undefined && 'code' in end && end.code === 0)
    return { passed: 0, failed: 0, note: 'no test file matched' };
  if (!progress.hasEnded) {
    part.explain(lastLines.join('\n'));
    return plusFailure(outcome, progress.files === undefined ? 'Jest has run nothing' : 'Jest ended without a result');
  }
  if ('killed' in end) return plusFailure(outcome, 'something the tests left open kept Jest from exiting');
  if (outcome.passed + outcome.failed === 0) return failure('no test matched');
  if (end.code !== 0 && outcome.failed === 0) return plusFailure(outcome, `Jest exited with ${end.code}`);
  return outcome;
}

function outcomeOf({ outcome }: Progress, isPartial: boolean): Outcome {
  const { passed, failed } = outcome;
  return isPartial ? { passed, failed } : outcome;
}

function plusFailure(outcome: Outcome, note: string): Outcome {
  return { ...outcome, failed: outcome.failed + 1, note };
}
