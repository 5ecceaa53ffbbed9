import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { CreateVm, ProblemError } from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import { Death, TestOperation } from '@polyvirt/hypervisor/testing';
import { objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import type { PrismDriver, PrismDriverOptions } from './prism.driver.ts';
import { NOTES } from './snapshots/snapshot-notes.ts';
import { Deadlines } from './testing/deadlines.ts';
import {
  faultCases,
  noPatience,
  operations,
  type Call,
  type Ending,
  type FaultCase,
  type Operation,
  type OperationName,
} from './testing/fault-matrix.ts';
import { driverOn } from './testing/prism-bench.ts';
import { PrismSimulator, type SimulatorFault } from './testing/prism-simulator.ts';

/** No operation may wait any of the driver's longer patiences out, whatever Prism does. */
const DEADLINE_MS = 30_000;
const LONG_MS = 2 * DEADLINE_MS;
const TEST_MS = 3 * DEADLINE_MS;
const force = { force: true, timeoutSeconds: 5 };
const forAll = new AbortController().signal;

interface Attempt {
  run(driver: PrismDriver, context: OperationContext): Promise<unknown>;
  /** How the site differs from before when it has succeeded. */
  readonly makes: { vms: number; running: number; points: number };
}

let simulator: PrismSimulator;
const deadlines = new Deadlines();
/** By the options in which they differ from one that is patient in everything. */
const drivers = new Map<string, PrismDriver>();

beforeAll(async () => {
  simulator = await PrismSimulator.start({ args: ['--seed-vms', '3'] });
}, TEST_MS);

afterEach(async () => {
  await simulator.revive();
  await mend();
  await clean();
}, TEST_MS);

afterAll(async () => {
  for (const driver of drivers.values()) await driver.close();
  await simulator.stop();
});

function driverWith({ tasks, ...impatience }: Partial<PrismDriverOptions> = {}): PrismDriver {
  const key = JSON.stringify({ tasks, ...impatience });
  const known = drivers.get(key);
  if (known !== undefined) return known;
  const made = driverOn(simulator, {
    ...deadlines,
    callMs: LONG_MS,
    retryMs: 10,
    retryMostMs: 100,
    busyMs: LONG_MS,
    settleMs: LONG_MS,
    ...impatience,
    tasks: { firstMs: 5, mostMs: 100, limitMs: LONG_MS, patienceMs: LONG_MS, ...tasks },
  });
  drivers.set(key, made);
  return made;
}

const body = (input: object = {}) =>
  CreateVm.parse({ name: `fault-${randomUUID()}`, memoryMiB: 64, disks: [{ sizeGiB: 1 }], ...input });
const make = async (input: object = {}) =>
  (await new TestOperation().run((context) => driverWith().create(body(input), context))).nativeId;

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
  return {
    vms: vms.length,
    running: vms.filter((vm) => objectAt(objectAt(vm, 'status'), 'resources')['power_state'] === 'ON').length,
    points: (await simulator.list('vm_recovery_points')).length,
    notes: (await notes()).length,
    working: (await simulator.openTasks()).map((task) => textAt(task, 'operation_type')),
  };
}

const notes = async () =>
  objectsAt(await simulator.v3('POST', `/categories/${NOTES}/list`, { length: 500 }).catch(() => ({})), 'entities');

const uuidOf = (entity: JsonObject) => textAt(objectAt(entity, 'metadata'), 'uuid') ?? '';

/** Takes away what an attempt has made, so that the next finds what the first found. */
async function clean(): Promise<void> {
  for (const task of await simulator.openTasks())
    await simulator.v3('POST', `/tasks/${textAt(task, 'uuid')}/abort`).catch(() => undefined);
  for (const vm of await simulator.list('vms', 'vm_name==fault-.*'))
    await simulator.done(await simulator.v3('DELETE', `/vms/${uuidOf(vm)}`));
  for (const point of await simulator.list('vm_recovery_points'))
    await simulator.done(await simulator.v3('DELETE', `/vm_recovery_points/${uuidOf(point)}`));
  for (const note of await notes()) await simulator.v3('DELETE', `/categories/${NOTES}/${textAt(note, 'value')}`);
}

/** A fault that is waiting for its call. */
interface Armed {
  readonly id: string;
  /** How often it has to strike at least. */
  readonly times: number;
}

/** What goes on beside the operation, so that each fault meets its call; ends when Prism is mended. */
type Meanwhile = () => Promise<void>;

const arm = async ({ method, path }: Pick<Call, 'method' | 'path'>, fault: SimulatorFault): Promise<Armed> => ({
  id: await simulator.fault({ method, path: `/api/nutanix/v3${path}`, ...fault }),
  times: fault.count ?? 1,
});

const isLook = ({ path }: Pick<Call, 'path'>) => path === '/tasks/*';

/** A look at the task of the operation; until it has been met as often as it wants, the task does not end. */
async function armLook({ task }: { task: string }, fault: SimulatorFault): Promise<Meanwhile> {
  const { id, times } = await arm({ method: 'GET', path: '/tasks/*' }, { operation: task, ...fault });
  await simulator.holdClock();
  return async () => {
    await simulator.struck(id, times);
    await simulator.runClock();
  };
}

/** Every look at the task of the operation is refused, the first when the task has just ended. */
async function refuseLooks({ task }: Operation, fault: SimulatorFault): Promise<Meanwhile> {
  await simulator.knobs({ 'delays.scale': 1 });
  const effect = { ...fault.effect, ms: 1_000 };
  const { id } = await arm({ method: 'GET', path: '/tasks/*' }, { operation: task, ...fault, effect });
  await simulator.holdClock();
  return async () => {
    await simulator.struck(id);
    await simulator.endTasks();
    await simulator.advance(1_000);
    await simulator.runClock();
    for (let times = 2; ; times += 1) {
      await simulator.struck(id, times);
      await simulator.advance(1_000);
    }
  };
}

async function strike(
  operation: OperationName,
  { strikes, effect, count, lasts, task: besides }: FaultCase,
): Promise<Meanwhile> {
  const wanted: Operation = operations[operation];
  const { main, others, task, asksAgain } = wanted;
  const fault = { effect, ...(count === undefined ? {} : { count }) };
  if (besides) await simulator.fault({ operation: task, effect: besides });
  const isLost = effect['kind'] === 'drop' || effect['kind'] === 'cut';
  switch (strikes) {
    case 'port':
      await simulator.knobs({ 'server.listening': false });
      // A second try begins when the first has failed.
      return lasts ? noHelp : () => deadlines.begun(2).then(mend);
    case 'task':
      await simulator.fault({ operation: task, ...fault });
      return noHelp;
    case 'look':
      return armLook(wanted, fault);
    case 'call': {
      const { id } = await arm(main, fault);
      return effect['kind'] === 'hang' ? () => endHanging(id) : noHelp;
    }
    case 'every call':
      for (const call of [main, ...others]) if (!isLook(call)) await arm(call, fault);
      return others.some(isLook) && !(isLost && asksAgain) ? armLook(wanted, fault) : noHelp;
  }
}

const noHelp: Meanwhile = async () => undefined;

/** Nobody waits for an answer that does not come. */
async function endHanging(fault: string): Promise<void> {
  for (let times = 1; ; times += 1) {
    await simulator.struck(fault, times);
    deadlines.pass();
  }
}

/** Prism without the faults. */
async function mend(): Promise<void> {
  await simulator.reset();
}

/** Runs an operation on a driver, takes the faults away and looks at how it ended. */
async function attemptEnds(
  { run, makes }: Attempt,
  before: Awaited<ReturnType<typeof site>>,
  ends: Ending,
  on: PrismDriver,
  meanwhile: Meanwhile,
): Promise<void> {
  const began = performance.now();
  // Until Prism is mended, or dead.
  const helped = meanwhile().catch(() => undefined);
  const outcome = await simulator.supervise(
    new TestOperation()
      .run((context) => run(on, context))
      .then(
        () => undefined,
        (error: unknown) => error,
      ),
  );
  expect(performance.now() - began).toBeLessThan(DEADLINE_MS);
  const { faults } = await simulator.control('GET', '/faults');
  await mend();
  await helped;
  // A fault that does not meet its calls proves nothing.
  const missed = objectsAt({ faults }, 'faults').filter(({ struck, count = 1 }) => Number(struck) < Number(count));
  expect(missed).toEqual([]);

  if (ends === 'succeeds') {
    expect(outcome).toBeUndefined();
    const { vms, running, points } = before;
    const after = { vms: vms + makes.vms, running: running + makes.running, points: points + makes.points };
    expect(await site()).toEqual({ ...after, notes: before.notes + 2 * makes.points, working: [] });
    return;
  }
  if (!(outcome instanceof ProblemError)) throw outcome ?? new Error('it succeeded');
  expect(outcome.code).toBe(ends);
  // The cause, then the way out.
  expect(outcome.message).toMatch(/\S[.!?:)] .*[A-Z].*\S[.]$/s);
  expect(await site()).toEqual(before);
}

describe.each(Object.keys(operations) as OperationName[])('%s while Prism', (operation) => {
  it.each(faultCases)(
    '$title',
    async (fault) => {
      const attempt = await attempts[operation]();
      const before = await site();
      const { revivals } = simulator;
      const meanwhile = await strike(operation, fault);
      const outlasting = fault.dies || fault.strikes === 'port' ? { tries: 1_000 } : {};
      const on = driverWith(fault.lasts ?? outlasting);
      await attemptEnds(attempt, before, fault.except?.[operation] ?? fault.ends, on, meanwhile);
      expect(simulator.revivals - revivals).toBe(fault.dies ? 1 : 0);
    },
    TEST_MS,
  );

  it.each<Call>(operations[operation].others)(
    'refuses $method $path',
    async (call) => {
      const attempt = await attempts[operation]();
      const before = await site();
      const fault = { effect: { kind: 'status', status: 403 } };
      if (isLook(call)) {
        const meanwhile = await refuseLooks(operations[operation], fault);
        await attemptEnds(attempt, before, call.refused, driverWith(noPatience), meanwhile);
      } else {
        await arm(call, fault);
        await attemptEnds(attempt, before, call.refused, driverWith(), noHelp);
      }
    },
    TEST_MS,
  );
});

it.each(Object.keys(operations) as OperationName[])(
  '%s goes on in the next process, while Prism works on it for longer than it may hold the VM',
  async (operation) => {
    const rehearsal = new TestOperation();
    const { run } = await attempts[operation]();
    await rehearsal.run((context) => run(driverWith(), context));
    const asks = rehearsal.steps.findIndex((name) => name.endsWith(': wait until it is done')) - 1;
    const attempt = await attempts[operation]();
    const before = await site();
    await simulator.fault({ operation: operations[operation].task, effect: { kind: 'taskSlow', ms: 150 } });
    const first = new TestOperation();
    first.cut = { step: asks, moment: 'after' };
    const on = driverWith({ busyMs: 0 });
    await expect(first.run((context) => attempt.run(on, context))).rejects.toThrow(Death);
    await first.again().run((context) => attempt.run(on, context));
    const { vms, running, points } = attempt.makes;
    expect(await site()).toMatchObject({
      vms: before.vms + vms,
      running: before.running + running,
      points: before.points + points,
      working: [],
    });
  },
  TEST_MS,
);

it('shows every VM of the site after all of that', async () => {
  const vms = await driverWith().list(forAll);
  expect(vms).toHaveLength((await simulator.list('vms')).length);
});
