import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerMissing, ensureDocker } from '../machine/docker.ts';
import { ensureLibvirt, stopLibvirt } from '../machine/libvirt.ts';
import { ensurePackages } from '../machine/packages.ts';
import { ensurePowerShell, PowerShellMissing } from '../machine/powershell.ts';
import { imageCache, root } from '../places.ts';
import { ensureTinyLinux } from '../tiny-linux/build.ts';
import { ONLY } from './jest-messages.ts';
import { runSuite } from './jest.ts';
import { belongings, MARK, nothingIsLeft, type Belongings } from './leftovers.ts';
import { failure, PASSED, type Outcome } from './outcome.ts';
import type { Plan, PlannedSuite } from './plan.ts';
import { interruptedBy } from './program.ts';
import type { Part, Report } from './report.ts';
import { schedule, type Job } from './schedule.ts';
import { Slots, type Slot } from './slots.ts';
import { forgetReports, supportMatrix } from './support-matrix.ts';
import type { Optional } from './suites.ts';
import type { TestLog } from './test-log.ts';

/** What else distinguishes the suites of a run. */
export interface RunOptions {
  /** Reaches every process that a suite starts. */
  readonly env?: NodeJS.ProcessEnv;
  /** Starts the pinned Node, such as `taskset -c 0`. */
  readonly launcher?: readonly string[];
  /** More arguments of Jest. */
  readonly args?: readonly string[];
  /** Cores it may use; all of the machine unless told. */
  readonly cores?: number;
}

/** Much of the time that suites with processes take is the start of Node. */
const COMPILED = join(root, 'node_modules/.cache/node-compile');

/** How many busy cores a core carries: a little more than one, as what is estimated to be busy also waits. */
const LOAD_PER_CORE = 1.25;

/** Does a plan: prepares the machine, builds, and runs checks and suites side by side. Everything it starts is gone afterwards. */
export async function carryOut(
  plan: Plan,
  report: Report,
  log: TestLog,
  { env = {}, launcher, args: moreArgs = [], cores = availableParallelism() }: RunOptions = {},
): Promise<void> {
  const needs = [...new Set(plan.suites.flatMap(({ suite }) => suite.needs))];
  const withLibvirt = needs.includes('kvm');
  const runId = randomUUID();
  // A folder of its own shows what the tests leave in it. Servers that run as other users need it to be as open as /tmp.
  const temporaryFiles = await mkdtemp(join(tmpdir(), 'polyvirt-test-'));
  await chmod(temporaryFiles, 0o1777);
  const environment = { [MARK]: runId, TMPDIR: temporaryFiles, NODE_COMPILE_CACHE: COMPILED };
  const slots = new Slots(cores * LOAD_PER_CORE);
  const outcomes = new Map<string, Outcome>();
  let startedLibvirt = false;
  let before: Belongings | undefined;

  const job = (
    name: string,
    options: Omit<Job, 'name' | 'run'>,
    work: (part: Part, slot: Slot) => Promise<Outcome>,
  ) => ({
    ...options,
    name,
    run: async (slot: Slot) => void outcomes.set(name, await report.part(name, (part) => work(part, slot))),
  });
  const hasFailed = (name: string) => (outcomes.get(name)?.failed ?? 0) > 0;

  const machine = job('machine', { load: 0.8, seconds: 10 }, async () => {
    const say = (line: string) => report.log(line);
    await ensurePackages(needs, { log: say });
    if (withLibvirt) {
      startedLibvirt = (await ensureLibvirt({ log: say })).startedBy === 'us';
      await ensureTinyLinux({ cacheDir: imageCache, target: join(imageCache, 'tiny-linux.qcow2'), log: say });
    }
    before = await belongings(temporaryFiles, withLibvirt);
    return PASSED;
  });
  const checks = plan.checks.map((check) =>
    job(check.name, check, async (part) => {
      if (check.after?.some(hasFailed)) return failure('not run: the build failed');
      return await check.run({ output: (line) => log.write(check.name, line), explain: (text) => part.explain(text) });
    }),
  );
  const suites = plan.suites.map((planned) => {
    const { suite, args = [] } = planned;
    const { name, seconds, load } = suite;
    const workers = suite.workers ?? Math.max(1, Math.floor((cores * LOAD_PER_CORE) / load));
    const needed = [...(suite.needs.length > 0 ? ['machine'] : []), ...(suite.built ? ['build'] : [])];
    const after = suite.last ? [...needed, ...allBut(plan, name)] : needed;
    // Jest itself has to start before its files are run.
    return job(name, { load: 1, seconds, after }, async (part, slot) => {
      const lacking = needed.find(hasFailed);
      if (lacking !== undefined) return failure(`not run: ${lacking} failed`);
      const absent = suite.optional && (await absence(suite.optional, (line) => log.write(name, line)));
      if (absent !== undefined) return { passed: 0, failed: 0, skipped: 1, note: absent };
      const only = await selection(planned, temporaryFiles);
      return await runSuite(suite, {
        workers,
        slot,
        slots,
        args: [...args, ...moreArgs, ...only.args],
        env: { ...environment, ...env, ...only.env },
        ...(launcher ? { launcher } : {}),
        isPartial: plan.isPartial,
        part,
        output: (line) => log.write(name, line),
      });
    });
  });
  const matrix = job('support matrix', { load: 1, seconds: 1, after: ['conformance'] }, supportMatrix);

  try {
    await forgetReports();
    await schedule(
      [...(needs.length > 0 ? [machine] : []), ...checks, ...suites, ...(plan.supportMatrix ? [matrix] : [])],
      slots,
      () => interruptedBy() !== undefined,
    );
    await report.part('nothing left behind', async () =>
      nothingIsLeft(before ?? new Set(), await belongings(temporaryFiles, withLibvirt && before !== undefined), runId),
    );
  } finally {
    if (startedLibvirt) await stopLibvirt();
    await rm(temporaryFiles, { recursive: true, force: true });
  }
}

/** Names of all other parts of a plan. */
const allBut = ({ checks, suites }: Plan, name: string): string[] =>
  [...checks, ...suites.map(({ suite }) => suite)].map((part) => part.name).filter((one) => one !== name);

/** How to get what this machine does not have; undefined when it has it, or has it now. */
async function absence(optional: Optional, log: (line: string) => void): Promise<string | undefined> {
  try {
    switch (optional) {
      case 'powershell':
        await ensurePowerShell(imageCache, log);
        break;
      case 'docker':
        await ensureDocker(imageCache, log);
    }
  } catch (error) {
    if (error instanceof PowerShellMissing || error instanceof DockerMissing) return error.message;
    throw error;
  }
  return undefined;
}

/** What tells Jest to run only some tests of some files. */
async function selection(
  { suite, only }: PlannedSuite,
  folder: string,
): Promise<{ args: readonly string[]; env: NodeJS.ProcessEnv }> {
  if (only === undefined) return { args: [], env: {} };
  const file = join(folder, `only-${suite.name}.json`);
  await writeFile(file, JSON.stringify(only));
  const environment = join(import.meta.dirname, 'jest-environment.ts');
  return { args: ['--testEnvironment', environment, '--runTestsByPath', ...Object.keys(only)], env: { [ONLY]: file } };
}
