import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { CreateVm, type NativeId, type ProblemCode } from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nativeIdOf } from './inventory/identity.ts';
import { SimulatedWorkstation, type Knobs } from './testing/simulated-workstation.ts';
import type { WorkstationDriver } from './workstation.driver.ts';

/** Every point that sources leave open or tell in two ways is a knob of the simulator; the driver lives with each answer. */
const variants: readonly (readonly [title: string, knobs: Knobs, life: () => Promise<unknown>])[] = [
  ['goes on by itself after a revert', { revertLive: 'running', revertRunning: 'allow' }, revertToMemory],
  ['is off after a revert', { revertLive: 'stopped' }, revertToMemory],
  ['calls an unknown snapshot invalid', { unknownSnapshotText: 'invalid-name' }, revertToWhatVanishes],
  ['calls an unknown snapshot missing', { unknownSnapshotText: 'does-not-exist' }, revertToWhatVanishes],
  ['deletes no snapshot that has children', { deleteSnapshotChildren: 'refuse' }, deleteParentIsRefused],
  ['lets children of a deleted snapshot move up', { deleteSnapshotChildren: 'reparent' }, deleteParent],
  ['deletes no snapshot that has clones', { deleteSnapshotWithClones: 'refuse' }, deleteWithClones],
  ['deletes snapshots that have clones', { deleteSnapshotWithClones: 'allow' }, deleteWithClones],
  ['takes slashes in names of snapshots', { snapshotSlash: 'allow' }, snapshotsWithSlashes],
  ['takes a name of a snapshot again', { duplicateSnapshotNames: 'allow' }, namesakesBesideEachOther],
  ['takes a name of a snapshot again below', { duplicateSnapshotNames: 'refuse-siblings' }, namesakesBelowEachOther],
  ['makes no clone over what is there', { cloneExisting: 'refuse', cloneDisplayName: 'source' }, cloneTwice],
  ['makes a clone over what is there', { cloneExisting: 'overwrite', cloneDisplayName: 'file' }, cloneTwice],
  ['clones a VM that runs', { cloneRunning: 'allow-snapshot', cloneLiveSnapshot: 'allow-full' }, cloneWhatRuns],
  ['refuses disks that a dead VM has locked', { staleLock: 'refuse' }, startAfterCrash],
  ['takes over disks that a dead VM has locked', { staleLock: 'take-over' }, startAfterCrash],
  ['opens no file with a key twice', { duplicateKeys: 'refuse' }, () => startWithKeyTwice(false)],
  ['opens a file with a key twice', { duplicateKeys: 'last-wins' }, () => startWithKeyTwice(true)],
  ['leaves a VM off after a reset', { resetHard: 'leaves-off' }, reset],
  ['has a guest that does not stop', { softStop: 'guest-ignores', softTimeoutMs: 300 }, stopInVain],
  ['is busy after a suspend', { suspendBusyMs: 1_200 }, suspendAndResume],
  ['loses a VM', { crashAfterMs: 2_500 }, loseVm],
  ['refuses a second change', { busy: 'refuse' }, snapshotMeanwhile],
  ['lets a second change wait', { busy: 'wait' }, snapshotMeanwhile],
  ['knows Tools of a headless guest as installed only', { toolsStateHeadless: 'installed' }, askGuest],
  ['fails at a look at the Tools of a VM that is off', { toolsStateOffExit: -2 }, askGuest],
  ['refuses to start what runs', { startRunning: 'refuse' }, startMeanwhile],
  ['refuses in other words to start what runs', { startRunning: 'already-running' }, startMeanwhile],
  ['says nothing when it starts what runs', { startRunning: 'succeed' }, startMeanwhile],
  ['is a Player', { product: 'player', playerClone: 'parameter-invalid' }, liveOnPlayer],
  ['is a Player with a licence to refuse by', { product: 'player', playerClone: 'license' }, templateOnPlayer],
  ['is a Player that supports no clones', { product: 'player', playerClone: 'not-supported' }, templateOnPlayer],
  ['is of Windows', { style: 'windows' }, liveShortly],
  ['speaks Chinese', { codePage: 'gbk' }, liveInGbk],
  ['is new', { productVersion: '25H2', vmrunVersion: '1.17.0.25388281' }, () => liveOnRelease('25H2', '22')],
  ['is old', { productVersion: '16.2.5', vmrunVersion: '1.17.0 build-17801498' }, () => liveOnRelease('16.2.5', '19')],
  ['has other words for what is on', { vmcliWords: { on: 'poweredOn', paused: 'isPaused' } }, pauseAndResume],
  ['has a word for paused that nobody has told of', { vmcliWords: { paused: 'frozen' } }, pauseAndResume],
  ['has no word in its log for a question', { questionLog: 'silent' }, liveShortly],
];

const forever = new AbortController().signal;
const lifeMs = 60_000;
let host: SimulatedWorkstation;
let model = '';
let driver: WorkstationDriver;
let knobs: Knobs = {};

beforeAll(async () => {
  host = new SimulatedWorkstation();
  model = await host.foreignVm(host.folder, 'model', { 'msg.autoAnswer': 'TRUE', 'uuid.action': 'create' }, true);
});
beforeEach(() => {
  knobs = {};
});
afterEach(async () => {
  host.set({});
  await host.endProcesses();
  host.clear();
});
afterAll(() => host.close());

const run = <Result>(method: (context: OperationContext) => Promise<Result>) => new TestOperation().run(method);
const idOf = (vmx: string): NativeId => nativeIdOf(vmx, 'linux');
const stateOf = async (vmx: string) => (await driver.get(idOf(vmx))).state;
const vm = (name = 'web') => host.copyVm(model, name);
const start = (vmx: string) => run((context) => driver.start(idOf(vmx), context));
const stop = (vmx: string) => run((context) => driver.stop(idOf(vmx), { force: true, timeoutSeconds: 5 }, context));
const snapshot = async (vmx: string, name: string, memory = false) =>
  (await run((context) => driver.snapshots!.create(idOf(vmx), { name, memory }, context))).snapshot;
const snapshotsOf = async (vmx: string) => (await driver.get(idOf(vmx))).snapshots;
const namesOf = async (vmx: string) => (await snapshotsOf(vmx)).map(({ name }) => name);
const revert = (vmx: string, id: string) => run((context) => driver.snapshots!.revert(idOf(vmx), id, context));
const dropSnapshot = (vmx: string, id: string, children = false) =>
  run((context) => driver.snapshots!.delete(idOf(vmx), { snapshot: id, children }, context));
const clone = (vmx: string, name: string, input: object = {}) =>
  run((context) => driver.clone!.clone(idOf(vmx), { name, linked: true, start: false, ...input }, context));
const remove = (nativeId: NativeId) => run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
const create = (input: object = {}) =>
  run((context) =>
    driver.create(
      CreateVm.parse({ name: 'made', memoryMiB: 32, disks: [{ sizeGiB: 1 }], start: true, ...input }),
      context,
    ),
  );
const pathOf = (nativeId: NativeId) =>
  host
    .files()
    .filter((path) => path.endsWith('.vmx'))
    .map((path) => join(host.vmFolder, path))
    .find((path) => idOf(path) === nativeId)!;

/** Does something by another tool while a call of ours is about to begin. */
async function meanwhile<Result>(command: string, ours: () => Promise<Result>, theirs: () => Promise<unknown>) {
  host.set({ ...knobs, faults: [{ kind: 'slow', command, times: 1, delayMs: 1_000 }] });
  const struck = join(host.home, 'simulator', 'fault-counts');
  const outcome = ours();
  outcome.catch(() => undefined);
  while (!existsSync(struck)) await delay(20);
  await theirs();
  return outcome;
}

it.each(variants)(
  'carries VMs through their lives on a Workstation that %s',
  async (_title, own, life) => {
    knobs = own;
    host.set(knobs);
    driver = await host.open({ patience: { retryMs: 400, lateMs: 500 }, codePage: 'gbk' });
    await life();
  },
  lifeMs,
);

async function liveShortly() {
  const { nativeId } = await create({ nics: [{ network: 'vmnet8' }] });
  expect(await driver.get(nativeId)).toMatchObject({ state: 'running', nics: [{ network: 'vmnet8' }] });
  await stop(pathOf(nativeId));
  expect(await remove(nativeId)).toMatchObject({ effect: 'changed' });
  expect(host.files()).toEqual([]);
}

async function revertToMemory() {
  const vmx = vm();
  await start(vmx);
  const hot = await snapshot(vmx, 'hot', true);
  expect(await revert(vmx, hot)).toBe('changed');
  expect(await driver.get(idOf(vmx))).toMatchObject({ state: 'running', snapshots: [{ current: true, memory: true }] });
}

async function revertToWhatVanishes() {
  const vmx = vm();
  const id = await snapshot(vmx, 'gone');
  const reverting = meanwhile(
    'revertToSnapshot',
    () => revert(vmx, id),
    () => host.vmrun('deleteSnapshot', vmx, 'gone'),
  );
  await expectProblem('snapshot-not-found', reverting);
}

async function parentAndChild() {
  const vmx = vm();
  const parent = await snapshot(vmx, 'parent');
  await snapshot(vmx, 'child');
  return { vmx, parent };
}

async function deleteParentIsRefused() {
  const { vmx, parent } = await parentAndChild();
  const { message } = await expectProblem('host-rejected', dropSnapshot(vmx, parent));
  expect(message).toMatch(/below it.*together with it/);
  expect(message).not.toMatch(/Try again/);
  expect(await namesOf(vmx)).toEqual(['parent', 'child']);
  expect(await dropSnapshot(vmx, parent, true)).toBe('changed');
  expect(await namesOf(vmx)).toEqual([]);
}

async function deleteParent() {
  const { vmx, parent } = await parentAndChild();
  expect(await dropSnapshot(vmx, parent)).toBe('changed');
  expect(await snapshotsOf(vmx)).toMatchObject([{ name: 'child', parent: null }]);
}

async function deleteWithClones() {
  const vmx = vm();
  const id = await snapshot(vmx, 'base');
  const made = await clone(vmx, 'twin', { snapshot: id });
  expect((await expectProblem('wrong-state', dropSnapshot(vmx, id))).message).toMatch(/Linked clones/);
  // By hand, so that the list of clones goes on naming it.
  rmSync(dirname(pathOf(made.nativeId)), { recursive: true });
  expect(await dropSnapshot(vmx, id)).toBe('changed');
  expect(await namesOf(vmx)).toEqual([]);
}

async function snapshotsWithSlashes() {
  const vmx = vm();
  for (const name of ['x', 'y', 'x/y']) await host.vmrun('snapshot', vmx, name);
  const [, plain, slashed] = await snapshotsOf(vmx);
  // vmrun may read it as y below x.
  expect((await expectProblem('host-rejected', dropSnapshot(vmx, slashed!.id))).message).toMatch(/uniquely.*Rename/);
  expect(await dropSnapshot(vmx, plain!.id)).toBe('changed');
  expect(await namesOf(vmx)).toEqual(['x', 'x/y']);
  expect(await dropSnapshot(vmx, slashed!.id)).toBe('changed');
  expect(await namesOf(vmx)).toEqual(['x']);
}

async function namesakesBesideEachOther() {
  const vmx = vm();
  await host.vmrun('snapshot', vmx, 'root');
  await host.vmrun('snapshot', vmx, 'a');
  await host.vmrun('revertToSnapshot', vmx, 'root');
  await host.vmrun('snapshot', vmx, 'a');
  const [, first] = await snapshotsOf(vmx);
  expect((await expectProblem('host-rejected', revert(vmx, first!.id))).message).toMatch(/uniquely.*Rename/);
  await expectProblem(
    'name-taken',
    run((context) => driver.snapshots!.create(idOf(vmx), { name: 'a', memory: false }, context)),
  );
  expect(await namesOf(vmx)).toEqual(['root', 'a', 'a']);
}

async function namesakesBelowEachOther() {
  const vmx = vm();
  for (const name of ['a', 'b', 'a']) await host.vmrun('snapshot', vmx, name);
  const [, , below] = await snapshotsOf(vmx);
  expect(await dropSnapshot(vmx, below!.id)).toBe('changed');
  expect(await snapshotsOf(vmx)).toMatchObject([{ name: 'a', parent: null }, { name: 'b' }]);
}

/** The first attempt fails when its work is done, so that the second finds a clone in its way. */
async function cloneTwice() {
  const vmx = vm();
  const error = 'not-supported-for-parameters';
  host.set({ ...knobs, faults: [{ kind: 'refuse', command: 'clone', at: 'after', times: 1, error }] });
  const made = await clone(vmx, 'twin', { linked: false });
  expect(await driver.get(made.nativeId)).toMatchObject({ name: 'twin', state: 'stopped' });
  expect((await driver.list()).map(({ name }) => name).sort()).toEqual(['twin', 'web']);
}

async function cloneWhatRuns() {
  const vmx = vm();
  const cold = await snapshot(vmx, 'cold');
  await start(vmx);
  await expectProblem('wrong-state', clone(vmx, 'twin', { snapshot: cold }));
  const hot = await snapshot(vmx, 'hot', true);
  await stop(vmx);
  await expectProblem('wrong-state', clone(vmx, 'twin', { snapshot: hot, linked: false }));
  expect((await driver.list()).map(({ name }) => name)).toEqual(['web']);
}

async function startAfterCrash() {
  const vmx = vm();
  await start(vmx);
  await host.endProcesses();
  expect(readdirSync(dirname(vmx)).filter((name) => name.endsWith('.lck'))).not.toEqual([]);
  expect(await stateOf(vmx)).toBe('crashed');
  await start(vmx);
  expect(await stateOf(vmx)).toBe('running');
}

async function startWithKeyTwice(starts: boolean) {
  const vmx = vm();
  writeFileSync(vmx, `${readFileSync(vmx, 'utf8')}MEMSIZE = "64"\n`);
  expect(await driver.get(idOf(vmx))).toMatchObject({ memoryMiB: 64, state: 'stopped' });
  if (starts) expect(await start(vmx)).toBe('changed');
  else expect((await expectProblem('host-rejected', start(vmx))).message).toMatch(/key that stands twice/);
  expect(await stateOf(vmx)).toBe(starts ? 'running' : 'stopped');
}

async function reset() {
  const vmx = vm();
  await start(vmx);
  expect(await run((context) => driver.reset(idOf(vmx), context))).toBe('changed');
  expect(await stateOf(vmx)).toBe('running');
}

async function stopInVain() {
  const vmx = vm();
  await start(vmx);
  const asking = run((context) => driver.stop(idOf(vmx), { force: false, timeoutSeconds: 2 }, context));
  const { message } = await expectProblem('timed-out', asking);
  expect(message).toMatch(/Workstation says: .*VMware Tools/);
  expect(await stateOf(vmx)).toBe('running');
}

async function suspendAndResume() {
  const vmx = vm();
  await start(vmx);
  expect(await run((context) => driver.suspend.suspend(idOf(vmx), context))).toBe('changed');
  expect(await run((context) => driver.suspend.resume(idOf(vmx), context))).toBe('changed');
  expect(await stateOf(vmx)).toBe('running');
}

async function pauseAndResume() {
  const vmx = vm();
  await start(vmx);
  expect(await run((context) => driver.suspend.pause(idOf(vmx), context))).toBe('changed');
  expect(await stateOf(vmx)).toBe('paused');
  expect(await run((context) => driver.suspend.resume(idOf(vmx), context))).toBe('changed');
  expect(await stateOf(vmx)).toBe('running');
}

async function loseVm() {
  const vmx = vm();
  await start(vmx);
  while ((await stateOf(vmx)) === 'running') await delay(100);
  expect(await stateOf(vmx)).toBe('crashed');
  host.set({});
  expect(await start(vmx)).toBe('changed');
}

async function snapshotMeanwhile() {
  const vmx = vm();
  host.set({ ...knobs, faults: [{ kind: 'slow', command: 'snapshot', at: 'halfway', times: 1, delayMs: 700 }] });
  const theirs = host.vmrun('snapshot', vmx, 'theirs');
  while (!existsSync(join(host.home, 'simulator', 'fault-counts'))) await delay(20);
  await snapshot(vmx, 'ours');
  await theirs;
  expect(await namesOf(vmx)).toEqual(['theirs', 'ours']);
}

async function startMeanwhile() {
  const vmx = vm();
  const effect = await meanwhile(
    'start',
    () => start(vmx),
    () => host.vmrun('start', vmx, 'nogui'),
  );
  expect(effect).toBe('changed');
  expect(await stateOf(vmx)).toBe('running');
  expect(await host.processes()).toHaveLength(1);
}

async function askGuest() {
  const vmx = await host.foreignVm(host.vmFolder, 'talks', {
    'ethernet0.present': 'TRUE',
    'ethernet0.connectionType': 'bridged',
  });
  const ask = () => driver.guest.read(idOf(vmx), forever);
  expect(await ask()).toMatchObject({ agent: false, addresses: [] });
  host.set({ ...knobs, guestAddress: '10.1.2.3' });
  await start(vmx);
  let told = await ask();
  for (; !told.agent; told = await ask()) await delay(50);
  expect(told.addresses).toEqual(['10.1.2.3']);
  // What a guest gives itself reaches nobody.
  for (const guestAddress of ['169.254.7.7', 'fe80::1']) {
    host.set({ ...knobs, guestAddress });
    expect((await ask()).addresses).not.toContain(guestAddress);
  }
}

async function liveOnPlayer() {
  expect(driver.clone).toBeUndefined();
  expect(driver.snapshots).toBeUndefined();
  expect((await driver.probe()).capabilities).toMatchObject({
    clone: { available: false },
    suspend: { available: true },
  });
  await liveShortly();
  await templateOnPlayer();
}

async function templateOnPlayer() {
  const code: ProblemCode = 'capability-missing';
  expect((await expectProblem(code, create({ template: 'any', disks: [] }))).message).toMatch(/Workstation Pro/);
  expect(host.files()).toEqual([]);
}

async function liveInGbk() {
  const vmx = vm('虚拟机');
  await start(vmx);
  expect(await driver.get(idOf(vmx))).toMatchObject({ name: '虚拟机', state: 'running' });
  expect((await driver.list()).map(({ state }) => state)).toEqual(['running']);
}

async function liveOnRelease(version: string, hardware: string) {
  const { health, version: shown } = await driver.probe();
  expect(health.status).toBe('healthy');
  expect(shown).toContain(version);
  const { nativeId } = await create();
  expect(readFileSync(pathOf(nativeId), 'utf8')).toContain(`virtualHW.version = "${hardware}"`);
  expect((await driver.get(nativeId)).state).toBe('running');
}
