import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { CreateVm, ProblemError, type NativeId } from '@polyvirt/contracts';
import { isReadable, type OperationContext } from '@polyvirt/hypervisor';
import { Death, expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import { objectAt, textAt } from './client/json.ts';
import type { PrismDriver } from './prism.driver.ts';
import { driverOn } from './testing/prism-bench.ts';
import { PrismSimulator, type Knobs } from './testing/prism-simulator.ts';

/** Every way in which releases differ, or in which public sources leave open how Prism behaves. The driver copes with all. */
const variants: readonly (readonly [title: string, knobs: Knobs])[] = [
  ['as its latest release', {}],
  ['as pc.2024.3', { profile: 'pc.2024.3.0.1' }],
  ['as 5.10.3', { profile: '5.10.3' }],
  ['with counting spec versions', { 'v3.vmVersioning': 'spec_version', 'v3.vmSpecVersionCheck': 'strict' }],
  ['with its other words for a conflict', { 'v3.conflictForm': 'editConflict' }],
  ['with a queue of tasks on a VM', { 'v3.busyVm': 'queue', 'latency.scale': 0.02 }],
  ['with task_uuids', { 'v3.taskUuidsKey': 'task_uuids' }],
  ['without execution contexts', { 'v3.executionContext': 'absent' }],
  ['that echoes defaults', { 'v3.postEcho': 'defaults' }],
  ['that insists on api_version', { 'v3.apiVersionRequired': true }],
  ['that takes any change live', { 'v3.hotChange': 'allow' }],
  ['that refuses changes of a running VM', { 'v3.hotChange': 'reject' }],
  ['with short pages', { 'v3.maxLength': 20 }],
  ['that cuts pages short', { 'v3.maxLength': 10, 'v3.overMaxLength': 'clamp' }],
  ['that lists VMs being made', { 'v3.listPending': true }],
  ['that lists VMs late', { 'v3.listLate': [400, 400] }],
  ['that shows VMs late', { 'v3.entityLate': [300, 300] }],
  ['that shows tasks late', { 'tasks.late': [200, 200] }],
  ['that clones the power state', { 'v3.clonePowerState': 'same' }],
  ['that hides guest customization', { 'v3.guestCustomizationInReads': false }],
  ['that shows what failed', { 'v3.failedCreate': 'error', 'v3.failedUpdate': 'error' }],
  ['that hides what failed', { 'v3.failedCreate': 'absent', 'v3.failedUpdate': 'complete' }],
  ['that reverts no running VM', { 'v3.revertWhileOn': 'fail' }],
  ['that only sends the request to shut down', { 'power.softTask': 'fires' }],
  ['with guest tools everywhere', { 'guest.tools': 'installed' }],
  ['without guest tools', { 'guest.tools': 'absent', 'power.guestWithoutTools': 'reject' }],
  ['that fails what is so already', { 'power.offWhenOff': 'fail', 'power.onWhenOn': 'fail' }],
  ['with late addresses', { 'guest.managedAddressDelay': [300, 300], 'guest.linkLocalFirst': true }],
  ['with an IAM cookie', { 'auth.iamCookie': true }],
  ['with empty refusals', { 'auth.unauthorizedBody': 'empty' }],
  ['with HTML refusals', { 'auth.unauthorizedBody': 'html' }],
  ['that mistakes parallel log-ins', { 'auth.basicFailureRate': 1 }],
  ['with real times', { 'latency.scale': 0.02, 'latency.request': [5, 25] }],
  ['with a rate limit', { 'limits.requestsPerSecond': 60 }],
  ['with a rate limit that says when', { 'limits.requestsPerSecond': 100, 'limits.retryAfterSeconds': 1 }],
];

let simulator: PrismSimulator;
let driver: PrismDriver;
const forever = new AbortController().signal;
/** For what hangs; nothing here is meant to take a tenth of it. */
const TEST_MS = 120_000;

beforeAll(async () => {
  simulator = await PrismSimulator.start({ args: ['--seed-vms', '25'] });
  driver = driverOn(simulator);
}, TEST_MS);

beforeEach(() => simulator.reset());

// What a failed test has left would fail others.
afterEach(async () => {
  await simulator.reset();
  await simulator.endTasks();
  for (const vm of await simulator.list('vms', 'vm_name==life-.*'))
    await simulator.done(await simulator.v3('DELETE', `/vms/${textAt(objectAt(vm, 'metadata'), 'uuid')}`));
}, TEST_MS);

afterAll(async () => {
  await driver.close();
  await simulator.stop();
});

const run = <Result>(method: (context: OperationContext) => Promise<Result>) => new TestOperation().run(method);
const get = (id: NativeId) => driver.get(id, forever);
const names = async () =>
  (await simulator.list('vms'))
    .map((vm) => textAt(objectAt(vm, 'status'), 'name'))
    .filter((name) => name?.startsWith('life-'));
const body = (input: object = {}) =>
  CreateVm.parse({
    name: `life-${randomUUID()}`,
    memoryMiB: 64,
    disks: [{ image: 'tiny-linux', sizeGiB: 2 }],
    nics: [{ network: 'vlan10' }],
    cloudInit: { userData: '#cloud-config' },
    ...input,
  });

it.each(variants)(
  'carries a VM through its life on a Prism Central %s',
  async (_title, knobs) => {
    await simulator.knobs(knobs);
    const { nativeId } = await run((context) => driver.create(body({ start: true }), context));
    expect(await get(nativeId)).toMatchObject({ state: 'running', cpus: 1 });
    expect((await driver.list(forever)).map((vm) => vm.nativeId)).toContain(nativeId);
    const grown = await run((context) => driver.reconfigure.apply(nativeId, { cpus: 2 }, context));
    expect(grown).toEqual({ effect: 'changed' });
    expect(await run((context) => driver.stop(nativeId, { force: false, timeoutSeconds: 100 }, context))).toBe(
      'changed',
    );
    expect(await run((context) => driver.start(nativeId, context))).toBe('changed');
    expect(await run((context) => driver.restart(nativeId, { force: true, timeoutSeconds: 5 }, context))).toBe(
      'changed',
    );
    const { snapshot } = await run((context) =>
      driver.snapshots.create(nativeId, { name: 'a', description: 'd', memory: false }, context),
    );
    expect(await run((context) => driver.snapshots.revert(nativeId, snapshot, context))).toMatchObject({
      effect: 'changed',
    });
    expect(await get(nativeId)).toMatchObject({
      state: 'stopped',
      cpus: 2,
      snapshots: [{ id: snapshot, current: true }],
    });
    const clone = await run((context) =>
      driver.clone.clone(nativeId, { name: `life-${randomUUID()}`, linked: true, start: false }, context),
    );
    expect((await get(clone.nativeId)).nics).toHaveLength(1);
    for (const id of [clone.nativeId, nativeId]) {
      if ((await get(id)).state === 'running')
        await run((context) => driver.stop(id, { force: true, timeoutSeconds: 5 }, context));
      await run((context) => driver.delete(id, { disks: 'delete' }, context));
    }
    await simulator.reset();
    expect(await names()).toEqual([]);
    expect(await simulator.list('vm_recovery_points')).toEqual([]);
  },
  TEST_MS,
);

it('sees all VMs of a Prism Central that cuts its answers to groups', async () => {
  await simulator.knobs({ 'v3.maxGroupMembers': 4 });
  const vms = (await driver.list(forever)).filter(isReadable);
  const ofState = (state: string) => vms.filter((vm) => vm.state === state).map(({ nativeId }) => nativeId);
  expect((await driver.metrics.sweep(forever)).map(({ nativeId }) => nativeId).sort()).toEqual(
    ofState('running').sort(),
  );
  const templates = (await driver.images.templates(forever)).map(({ nativeId }) => nativeId);
  expect(templates.sort()).toEqual(ofState('stopped').sort());
  // Above what one answer holds, so that none of this is true of itself.
  expect(Math.min(ofState('running').length, ofState('stopped').length)).toBeGreaterThan(4);
  expect((await driver.probe(forever)).capacity.storageGiB).toBeGreaterThan(0);
});

it('leaves out what a Prism Central has not measured', async () => {
  const unsampled = ['storage.user_capacity_bytes', 'storage.user_free_bytes', 'hypervisor_cpu_usage_ppm'];
  const stranger = driverOn(simulator);
  try {
    const [measured] = await stranger.metrics.sweep(forever);
    expect(measured?.cpuPercent).toBeGreaterThan(0);
    await simulator.knobs({ 'metrics.unsampled': unsampled });
    const { capacity } = await stranger.probe(forever);
    expect(Object.keys(capacity).sort()).toEqual(['cpus', 'memoryMiB']);
    const [reading] = await stranger.metrics.sweep(forever);
    expect(reading).toMatchObject({ state: 'running', memoryPercent: expect.any(Number) });
    expect(reading).not.toHaveProperty('cpuPercent');
  } finally {
    await stranger.close();
  }
});

it('makes VMs of an image whose size a Prism Central does not know yet', async () => {
  await simulator.knobs({ 'images.sizeLate': [600_000, 600_000], 'images.download': 'pretend', 'delays.scale': 1 });
  const name = `image-${randomUUID()}`;
  await simulator.done(
    await simulator.v3('POST', '/images', {
      metadata: { kind: 'image' },
      spec: { name, resources: { image_type: 'DISK_IMAGE', source_uri: 'http://images.example/late.qcow2' } },
    }),
  );
  expect((await driver.images.list(forever)).map((image) => image.name)).toContain(name);
  const listed = (await simulator.list('images')).filter((image) => textAt(objectAt(image, 'status'), 'name') === name);
  expect(listed).toHaveLength(1);
  expect(JSON.stringify(listed)).not.toContain('size_bytes');
  for (const disk of [{ image: name }, { image: name, sizeGiB: 3 }]) {
    const { nativeId } = await run((context) => driver.create(body({ disks: [disk] }), context));
    expect((await get(nativeId)).disks[0]?.sizeGiB).toBeGreaterThanOrEqual(1);
    await run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
  }
});

it('gives no name twice on a Prism Central that lists VMs late', async () => {
  await simulator.knobs({ 'v3.listLate': [600_000, 600_000], 'delays.scale': 1 });
  const input = body();
  const { nativeId } = await run((context) => driver.create(input, context));
  await expectProblem(
    'name-taken',
    run((context) => driver.create(input, context)),
  );
  await run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
  const again = await run((context) => driver.create(input, context));
  await run((context) => driver.delete(again.nativeId, { disks: 'delete' }, context));
});

it('leaves the tree of snapshots as it is when Prism Central does not delete one of them', async () => {
  const { nativeId } = await run((context) => driver.create(body(), context));
  const take = async (name: string) =>
    (await run((context) => driver.snapshots.create(nativeId, { name, memory: false }, context))).snapshot;
  const [a, b] = [await take('a'), await take('b')];
  const before = (await get(nativeId)).snapshots;
  expect(before).toMatchObject([
    { id: a, parent: null },
    { id: b, parent: a, current: true },
  ]);
  for (const [snapshot, children] of [
    [a, false],
    [b, false],
    [a, true],
  ] as const) {
    await simulator.fault({ method: 'DELETE', path: `**/${b}`, effect: { kind: 'status', status: 422 } });
    await simulator.fault({
      method: 'DELETE',
      path: `**/vm_recovery_points/${a}`,
      effect: { kind: 'status', status: 422 },
    });
    await expectProblem(
      'host-rejected',
      run((context) => driver.snapshots.delete(nativeId, { snapshot, children }, context)),
    );
    expect((await get(nativeId)).snapshots).toEqual(before);
    await simulator.reset();
  }
  await run((context) => driver.snapshots.delete(nativeId, { snapshot: a, children: false }, context));
  expect((await get(nativeId)).snapshots).toMatchObject([{ id: b, parent: null, current: true }]);
  const c = await take('c');
  await run((context) => driver.snapshots.delete(nativeId, { snapshot: c, children: true }, context));
  expect((await get(nativeId)).snapshots).toMatchObject([{ id: b, parent: null, current: true }]);
  await run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
});

describe('when a process dies after it has asked for a VM', () => {
  /** The step after the one that asks. */
  const waiting = 3;
  async function dieAndCancel(method: (context: OperationContext) => Promise<unknown>, between: () => Promise<void>) {
    const died = new TestOperation();
    died.cut = { step: waiting, moment: 'before' };
    await expect(died.run(method)).rejects.toThrow(Death);
    await between();
    const next = died.again();
    next.cancelAfter = -1;
    await expect(next.run(method)).rejects.toThrow('cancelled');
    await simulator.reset();
  }

  it('takes away one that is made and does not show yet', async () => {
    await simulator.knobs({ 'v3.entityLate': [1_500, 1_500], 'delays.scale': 1 });
    let shown: Promise<void> | undefined;
    await dieAndCancel(
      (context) => driver.create(body(), context),
      async () => {
        await simulator.endTasks();
        await simulator.holdClock();
        // It has looked twice and seen nothing when it looks a third time; then the VM shows.
        const look = { method: 'GET', path: '/api/nutanix/v3/vms/*', skip: 2, count: 1 };
        const third = await simulator.fault({ ...look, effect: { kind: 'slow', ms: 0 } });
        shown = simulator
          .struck(third)
          .then(() => simulator.advance(1_500))
          .then(() => simulator.runClock());
      },
    );
    await shown;
    expect(await names()).toEqual([]);
  });

  it('does not take one that could not be made for one that is', async () => {
    await simulator.knobs({ 'v3.failedCreate': 'error', 'v3.executionContext': 'absent' });
    await simulator.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskFail', detail: 'No luck' } });
    const input = body();
    const died = new TestOperation();
    died.cut = { step: waiting - 1, moment: 'after' };
    await expect(died.run((context) => driver.create(input, context))).rejects.toThrow(Death);
    await simulator.endTasks();
    const problem = await expectProblem(
      'host-rejected',
      died.again().run((context) => driver.create(input, context)),
    );
    expect(problem.message).toMatch(/No luck/);
    expect(await names()).toEqual([]);
  });

  it('does not wait for one that could not be made while it looked for its task', async () => {
    await simulator.knobs({ 'v3.failedCreate': 'error', 'v3.executionContext': 'absent', 'delays.scale': 1 });
    await simulator.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskFail', detail: 'No luck' } });
    await simulator.holdClock();
    const input = body();
    const died = new TestOperation();
    died.cut = { step: waiting - 1, moment: 'after' };
    await expect(died.run((context) => driver.create(input, context))).rejects.toThrow(Death);
    // The VM was PENDING when it was read, and the task fails before the list of tasks is answered.
    const list = { method: 'POST', path: '/api/nutanix/v3/tasks/list', count: 1 };
    const looked = await simulator.fault({ ...list, effect: { kind: 'slow', ms: 1_000 } });
    const ended = simulator
      .struck(looked)
      .then(() => simulator.advance(1_000))
      .then(() => simulator.runClock());
    const problem = await expectProblem(
      'host-rejected',
      died.again().run((context) => driver.create(input, context)),
    );
    await ended;
    expect(problem.message).toMatch(/No luck/);
    expect(await names()).toEqual([]);
  });

  it('keeps one from coming about on a Prism Central that lists no tasks', async () => {
    const { nativeId } = await run((context) => driver.create(body(), context));
    await simulator.fault({
      method: 'POST',
      path: '/api/nutanix/v3/tasks/list',
      effect: { kind: 'status', status: 404 },
    });
    const input = { name: `life-${randomUUID()}`, linked: true, start: false };
    // So that the clone is not made before it is cancelled.
    await simulator.holdClock();
    await dieAndCancel(
      (context) => driver.clone.clone(nativeId, input, context),
      async () => undefined,
    );
    await run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
    await simulator.endTasks();
    expect(await names()).toEqual([]);
  });
});

it('finds a failed create of a Prism Central that goes on showing it, and takes it away', async () => {
  await simulator.knobs({ 'v3.failedCreate': 'error' });
  await simulator.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskFail' } });
  await expectProblem(
    'host-rejected',
    run((context) => driver.create(body(), context)),
  );
  expect(await names()).toEqual([]);
});

it('says what is missing on a Prism Central without recovery points', async () => {
  const { nativeId } = await run((context) => driver.create(body(), context));
  await simulator.knobs({ 'v3.internalPaths': false });
  const problem = await expectProblem(
    'capability-missing',
    run((context) => driver.snapshots.create(nativeId, { name: 'a', memory: false }, context)),
  );
  expect(problem.message).toMatch(/recovery points/);
  expect((await get(nativeId)).snapshots).toEqual([]);
  await run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
});

it('says which certificate it was shown when it is not the trusted one, and sends it nothing', async () => {
  const calls = async () => (await simulator.control('GET', '/calls'))['total'];
  const right = driverOn(simulator, { trust: { fingerprint: simulator.fingerprint } });
  const wrong = driverOn(simulator, { trust: { fingerprint: 'AA'.repeat(32) } });
  const none = driverOn(simulator, { trust: {} });
  try {
    expect((await right.probe(forever)).health).toMatchObject({ status: 'healthy' });
    const heard = await calls();
    for (const stranger of [wrong, none]) {
      const { health } = await stranger.probe(forever);
      expect(health.status).toBe('unhealthy');
      expect(health.detail).toMatch(/POLYVIRT_PRISM_FINGERPRINT/);
      expect(health.detail).toContain(simulator.fingerprint);
      await expect(stranger.list(forever)).rejects.toThrow(ProblemError);
    }
    expect(await calls()).toBe(heard);
  } finally {
    for (const one of [right, wrong, none]) await one.close();
  }
});

it('says what does not answer when nothing is at the address', async () => {
  // The same port of another address of this machine: whoever else wanted it could not have it.
  const url = simulator.url.replace(/localhost|127\.0\.0\.1/, '127.0.0.2');
  expect(url).not.toBe(simulator.url);
  const stranger = driverOn(simulator, { url });
  try {
    const { health } = await stranger.probe(forever);
    expect(health.status).toBe('unhealthy');
    expect(health.detail).toContain(new URL(url).host);
  } finally {
    await stranger.close();
  }
});

it('says that the password is wrong', async () => {
  const stranger = driverOn(simulator, { password: 'wrong' });
  try {
    const { health } = await stranger.probe(forever);
    expect(health).toMatchObject({ status: 'unhealthy', detail: expect.stringMatching(/POLYVIRT_PRISM_PASSWORD/) });
  } finally {
    await stranger.close();
  }
});

it('opens a console on releases with tokens and on those without', async () => {
  const { nativeId } = await run((context) => driver.create(body({ start: true }), context));
  for (const knobs of [{}, { 'v4.versions': ['v4.0', 'v4.1'] }, { 'v4.versions': [] }]) {
    await simulator.knobs(knobs);
    const screen = await driver.console.graphic(nativeId, forever);
    const greeting = await new Promise<string>((resolve, reject) => {
      screen.once('data', (bytes: Buffer) => resolve(bytes.toString()));
      screen.once('error', reject);
    });
    screen.destroy();
    expect(greeting).toMatch(/^RFB 003/);
  }
  await run((context) => driver.stop(nativeId, { force: true, timeoutSeconds: 5 }, context));
  await run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
});
