import { randomInt } from 'node:crypto';
import { readShakeOptions, repeatCommand, SHAKE_HELP, type ShakeOptions } from './shake/shake-options.ts';
import { few } from './test-run/few.ts';
import { total, counts, type Outcome } from './test-run/outcome.ts';
import { planOf } from './test-run/plan.ts';
import { interrupt, interruptedBy } from './test-run/program.ts';
import { Report } from './test-run/report.ts';
import { carryOut } from './test-run/run.ts';
import { Screen } from './test-run/screen.ts';
import { SUITES } from './test-run/suites.ts';
import { TestLog } from './test-run/test-log.ts';

let options: ShakeOptions;
try {
  options = readShakeOptions(process.argv.slice(2), () => randomInt(2 ** 31 - 1));
} catch (error) {
  console.log(`${(error as Error).message}\n\n${SHAKE_HELP}`);
  process.exit(64);
}
if (options.help) {
  console.log(SHAKE_HELP);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));
console.log(`seed ${options.seed}`);

const log = new TestLog();
const screen = new Screen(process.stdout);
const outcomes: Outcome[] = [];
const failures: string[] = [];
for (const shake of options.shakes) {
  const suites = options.suites ?? shake.suites;
  const jestArgs = options.pattern === undefined ? [] : ['--testPathPatterns', options.pattern];
  // Where a pattern chooses files, a suite without one of them is no failure.
  if (options.pattern !== undefined) jestArgs.push('--passWithNoTests');
  const plan = planOf({ suites, jestArgs, failed: false, install: true, help: false }, []);
  for (let time = 1; time <= (options.times ?? shake.times) && interruptedBy() === undefined; time++) {
    const seed = options.seed + time - 1;
    const title = `${shake.name}${time > 1 ? `, time ${time}` : ''}`;
    console.log(`\n=== ${title}: ${shake.help} (seed ${seed})`);
    const report = new Report(screen);
    const calm = shake.disturb?.();
    try {
      await carryOut({ ...plan, supportMatrix: false }, report, log, shake.options(seed));
    } finally {
      await calm?.();
    }
    report.finish();
    for (const { name, outcome, progress } of report.ended) {
      outcomes.push(outcome);
      if (outcome.failed === 0) continue;
      const suite = SUITES.some((one) => one.name === name) ? name : suites.join(',');
      for (const [file, tests] of Map.groupBy(progress.failures, (test) => test.file)) {
        const { shown, more } = few(tests, 10);
        failures.push(`${title}: ${name} ${file}`);
        failures.push(...shown.map((test) => `  ${test.name ?? '(the file as a whole)'}`));
        if (more > 0) failures.push(`  and ${more} more`);
        failures.push(`  again: ${repeatCommand(shake, seed, suite, file)}`);
      }
      if (progress.failures.length > 0 && outcome.note === undefined) continue;
      failures.push(`${title}: ${name}${outcome.note === undefined ? '' : ` (${outcome.note})`}`);
      failures.push(`  again: ${repeatCommand(shake, seed, suite)}`);
    }
  }
}
await log.close();
const totals = total(outcomes);
console.log(`\nFull log: ${log.name}. Seed: ${options.seed}.`);
console.log(failures.length === 0 ? 'Nothing failed under any shake.' : `Failed:\n${failures.join('\n')}`);
console.log(counts(totals, { always: true }));
process.exitCode = interruptedBy() !== undefined ? 130 : totals.failed > 0 ? 1 : 0;
