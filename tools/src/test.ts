import { availableParallelism } from 'node:os';
import { ensurePackages } from './machine/packages.ts';
import { carryOut } from './test-run/run.ts';
import { rememberDurations } from './test-run/durations.ts';
import { failedParts, readFailed, writeFailed } from './test-run/failed.ts';
import { HELP, readOptions, type Options } from './test-run/options.ts';
import { planOf } from './test-run/plan.ts';
import { interrupt, interruptedBy } from './test-run/program.ts';
import { Report } from './test-run/report.ts';
import { Screen } from './test-run/screen.ts';
import { TestLog } from './test-run/test-log.ts';

let options: Options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.log(`${(error as Error).message}\n\n${HELP}`);
  process.exit(64);
}
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));

const plan = planOf(options, await readFailed());
if (plan.suites.length + plan.checks.length === 0) {
  console.log('Nothing failed in the last run.\n0 passed, 0 failed');
  process.exit(0);
}
if (!options.install) {
  const needs = plan.suites.flatMap(({ suite }) => suite.needs);
  await ensurePackages(needs, { install: false, log: console.log }).catch((error: Error) => {
    console.log(`${error.message}\n0 passed, 1 failed`);
    process.exit(1);
  });
}

const log = new TestLog();
const report = new Report(new Screen(process.stdout));
report.log(`on ${availableParallelism()} cores; everything that is printed goes to ${log.name}`);
await carryOut(plan, report, log);

const failed = failedParts(report.ended);
await writeFailed(failed);
if (!plan.isPartial) await rememberDurations(report.fileSeconds);
const totals = report.finish([
  `Full log: ${log.name}`,
  ...(failed.length > 0 ? ['Run what failed again: npm test -- --failed'] : []),
]);
await log.close();
process.exitCode = interruptedBy() !== undefined ? 130 : totals.failed > 0 || totals.passed === 0 ? 1 : 0;
