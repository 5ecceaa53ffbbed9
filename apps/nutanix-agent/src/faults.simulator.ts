import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { CreateVm, ProblemError } from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import { TestOperation } from '@polyvirt/hypervisor/testing';
import { objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import { isUnfinished } from './client/tasks.ts';
import type { PrismDriver } from './prism.driver.ts';
import { NOTES } from './snapshots/snapshot-notes.ts';
import {
  faultCases,
  operations,
  type Call,
  type Ending,
  type FaultCase,
  type OperationName,
} from './testing/fault-matrix.ts';
import { driverOn } from './testing/prism-bench.ts';
import { PrismSimulator, type SimulatorFault } from './testing/prism-simulator.ts';

/** No operation may take longer, whatever Prism does. */
const DEADLINE_MS = 10_000;
const force = { force: true, timeoutSeconds: 5 };
const forAll = new AbortController().signal;

interface Attempt {
  run(driver: PrismDriver, context: OperationContext): Promise<unknown>;
  /** How the site differs from before when it has succeeded. */
  readonly makes: { vms: number; running: number; points: number };
}

let simulator: PrismSimulator;
let driver: PrismDriver;
/** Gives up soon. */
let hasty: PrismDriver;
/** With as much patience as in real life, for a Prism that comes back. */
let enduring: PrismDriver;

beforeAll(async () => {
  simulator = await PrismSimulator.start({ args: ['--seed-vms', '3'] });
  const looks = { firstMs: 20, mostMs: 100 };
  driver = driverOn(simulator, {
    callMs: 600,
    retryMs: 10,
    busyMs: 5_000,
    settleMs: 5_000,
    tasks: { ...looks, limitMs: 8_000, patienceMs: 4_000 },
  });
  hasty = driverOn(simulator, {
    callMs: 400,
    tries: 2,
    retryMs: 10,
    busyMs: 300,
    settleMs: 3_000,
    tasks: { ...looks, limitMs: 900, patienceMs: 400 },
  });
  enduring = driverOn(simulator, { retryMs: 100, tries: 9, settleMs: 5_000 });
}, 20_000);

afterAll(async () => {
  await driver.close();
  await hasty.close();
  await enduring.close();
  await simulator.stop();
});

const body = (input: object = {}) =>
  CreateVm.parse({ name: `fault-${randomUUID()}`, memoryMiB: 64, disks: [{ sizeGiB: 1 }], ...input });
const make = async (input: object = {}) =>
  (await new TestOperation().run((context) => driver.create(body(input), context))).nativeId;

const attempts: Record<OperationName, () => Promise<Attempt>> = {
  create: async () => {
    const input = body({ disks: [{ image: 'tiny-linux' }], nics: [{ network: 'vlan10' }] });
    return { run: (on, context) => on.create(input, context), makes: { vms: 1, running: 0, points: 0 } };
  },
  start: async () => {
    const id = await make();
    return { run: (on, context) => on.start(id, context), makes: { vms: 0, running: 1, points: 0 } };
  },
  stop: async () => {
    const id = await make({ start: true });
    return { run: (on, context) => on.stop(id, force, context), makes: { vms: 0, running: -1, points: 0 } };
  },
  clone: async () => {
    const id = await make();
    const input = { name: `fault-${randomUUID()}`, linked: false, start: false };
    return { run: (on, context) => on.clone.clone(id, input, context), makes: { vms: 1, running: 0, points: 0 } };
  },
  snapshot: async () => {
    const id = await make();
    const input = { name: 'a', memory: false };
    return { run: (on, context) => on.snapshots.create(id, input, context), makes: { vms: 0, running: 0, points: 1 } };
  },
  delete: async () => {
    const id = await make();
    return {
      run: (on, context) => on.delete(id, { disks: 'delete' }, context),
      makes: { vms: -1, running: 0, points: 0 },
    };
  },
};

/** What is on the site, and what is still being worked on. */
async function site() {
  const vms = await simulator.list('vms');
  const notes = await simulator.v3('POST', `/categories/${NOTES}/list`, { length: 500 }).catch(() => ({}));
  return {
    vms: vms.length,
    running: vms.filter((vm) => objectAt(objectAt(vm, 'status'), 'resources')['power_state'] === 'ON').length,
    points: (await simulator.list('vm_recovery_points')).length,
    notes: objectsAt(notes, 'entities').length,
    working: (await simulator.list('tasks')).filter(isUnfinished).map((task) => textAt(task, 'operation_type')),
  };
}

/** A supervisor that starts Prism again when it has died. */
async function supervised<Result>(work: Promise<Result>): Promise<Result> {
  const done = work.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 50, false))])))
    await simulator.revive();
  await simulator.revive();
  return work;
}

async function strike(operation: OperationName, { strikes, effect, count }: FaultCase): Promise<void> {
  const { main, others, task } = operations[operation];
  if (strikes === 'port') {
    await simulator.knobs({ 'server.listening': false });
    return;
  }
  const times = count === undefined ? {} : { count };
  if (strikes === 'task') await simulator.fault({ operation: task, effect, ...times });
  else for (const call of strikes === 'call' ? [main] : [main, ...others]) await strikeCall(call, { effect, ...times });
}

const strikeCall = ({ method, path }: { method: string; path: string }, fault: SimulatorFault) =>
  simulator.fault({ method, path: `/api/nutanix/v3${path}`, ...fault });

/** Who finds its work done when it asks again waits for no task. */
const isNeedless = ({ path, effect }: JsonObject): boolean =>
  String(path).endsWith('/tasks/*') && /drop|cut/.test(JSON.stringify(effect));

/** Prism without the faults. */
async function mend(): Promise<void> {
  await simulator.control('DELETE', '/faults');
  await simulator.knobs({ 'server.listening': true });
}

/** Runs an operation on a driver, takes the faults away and looks at how it ended. */
async function attemptEnds(
  { run, makes }: Attempt,
  before: Awaited<ReturnType<typeof site>>,
  ends: Ending,
  on: PrismDriver,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const began = performance.now();
  const [outcome] = await Promise.all([
    supervised(
      new TestOperation()
        .run((context) => run(on, context))
        .then(
          () => undefined,
          (error: unknown) => error,
        ),
    ),
    meanwhile(),
  ]);
  expect(performance.now() - began).toBeLessThan(DEADLINE_MS);
  const { faults } = await simulator.control('GET', '/faults');
  await mend();
  // A fault that meets no call proves nothing.
  const missed = objectsAt({ faults }, 'faults').filter((fault) => fault['struck'] === 0 && !isNeedless(fault));
  expect(missed).toEqual([]);

  if (ends === 'succeeds') {
    expect(outcome).toBeUndefined();
    const notes = before.notes + 2 * makes.points;
    const { vms, running, points } = before;
    const after = { vms: vms + makes.vms, running: running + makes.running, points: points + makes.points };
    expect(await site()).toEqual({ ...after, notes, working: [] });
    return;
  }
  if (!(outcome instanceof ProblemError)) throw outcome ?? new Error('it succeeded');
  expect(outcome.code).toBe(ends);
  // The cause, then the way out.
  expect(outcome.message).toMatch(/\S[.!?:)] .*[A-Z].*\S[.]$/s);
  expect(await site()).toEqual(before);
}

afterEach(mend);

describe.each(Object.keys(operations) as OperationName[])('%s while Prism', (operation) => {
  it.each(faultCases)(
    '$title',
    async (fault) => {
      const attempt = await attempts[operation]();
      const before = await site();
      await strike(operation, fault);
      const on = fault.dies || fault.strikes === 'port' ? enduring : driver;
      await attemptEnds(
        attempt,
        before,
        fault.except?.[operation] ?? fault.ends,
        fault.lasts ? hasty : on,
        fault.strikes === 'port' && !fault.lasts ? mend : undefined,
      );
    },
    20_000,
  );

  it.each<Call>(operations[operation].others)(
    'refuses $method $path',
    async (call) => {
      const attempt = await attempts[operation]();
      const before = await site();
      await strikeCall(call, { effect: { kind: 'status', status: 403 } });
      await attemptEnds(attempt, before, call.refused, hasty);
    },
    20_000,
  );
});

it('shows every VM of the site after all of that', async () => {
  const vms = await driver.list(forAll);
  expect(vms).toHaveLength((await simulator.list('vms')).length);
});
