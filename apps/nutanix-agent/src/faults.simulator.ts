import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { CreateVm, ProblemError } from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import { TestOperation } from '@polyvirt/hypervisor/testing';
import { objectAt, objectsAt, textAt } from './client/json.ts';
import { isUnfinished } from './client/tasks.ts';
import type { PrismDriver } from './prism.driver.ts';
import { NOTES } from './snapshots/snapshot-notes.ts';
import { faultCases, operations, type FaultCase, type OperationName } from './testing/fault-matrix.ts';
import { driverOn } from './testing/prism-bench.ts';
import { PrismSimulator } from './testing/prism-simulator.ts';

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
/** With as much patience as in real life, for a Prism that comes back. */
let enduring: PrismDriver;

beforeAll(async () => {
  simulator = await PrismSimulator.start({ args: ['--seed-vms', '3'] });
  driver = driverOn(simulator, {
    callMs: 250,
    tries: 3,
    retryMs: 30,
    busyMs: 300,
    settleMs: 3_000,
    tasks: { firstMs: 20, mostMs: 100, limitMs: 900, patienceMs: 400 },
  });
  enduring = driverOn(simulator, { retryMs: 300, settleMs: 5_000 });
}, 20_000);

afterAll(async () => {
  await driver.close();
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
  const { method, path, task } = operations[operation];
  const where = strikes === 'call' ? { method, path } : { operation: task };
  await simulator.fault({ ...where, effect, ...(count === undefined ? {} : { count }) });
}

describe.each(Object.keys(operations) as OperationName[])('%s while Prism', (operation) => {
  it.each(faultCases)(
    '$title',
    async (fault) => {
      const attempt = await attempts[operation]();
      const before = await site();
      await strike(operation, fault);
      const began = performance.now();
      const outcome = await supervised(
        new TestOperation()
          .run((context) => attempt.run(fault.dies ? enduring : driver, context))
          .then(
            () => undefined,
            (error: unknown) => error,
          ),
      );
      expect(performance.now() - began).toBeLessThan(DEADLINE_MS);
      await simulator.control('DELETE', '/faults');

      const ends = fault.except?.[operation] ?? fault.ends;
      const { makes } = attempt;
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
    },
    20_000,
  );
});

it('shows every VM of the site after all of that', async () => {
  const vms = await driver.list(forAll);
  expect(vms).toHaveLength((await simulator.list('vms')).length);
});
