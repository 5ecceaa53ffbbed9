import { expect } from '@jest/globals';
import { CreateVm, type NativeId, type ProblemCode } from '@polyvirt/contracts';
import { isReadable, type OperationContext } from '@polyvirt/hypervisor';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nativeIdOf } from '../inventory/identity.ts';
import type { WorkstationDriver } from '../workstation.driver.ts';
import type { Knobs, SimulatedWorkstation } from './simulated-workstation.ts';
import { untilGone } from './until-gone.ts';
import { TestTimer } from './test-timer.ts';

const forever = new AbortController().signal;
const run = <Result>(method: (context: OperationContext) => Promise<Result>) => new TestOperation().run(method);
const idOf = (vmx: string): NativeId => nativeIdOf(vmx, 'linux');

/** What becomes of VMs on one host. */
export class Lives {
  readonly #host: SimulatedWorkstation;
  readonly #driver: WorkstationDriver;
  readonly #model: string;
  readonly #knobs: Knobs;
  readonly #timer: TestTimer;

  private constructor(
    host: SimulatedWorkstation,
    driver: WorkstationDriver,
    model: string,
    knobs: Knobs,
    timer: TestTimer,
  ) {
    this.#host = host;
    this.#driver = driver;
    this.#model = model;
    this.#knobs = knobs;
    this.#timer = timer;
  }

  /** `model` is a VM that others are copies of. No deadline falls by itself. */
  static async on(host: SimulatedWorkstation, model: string, knobs: Knobs): Promise<Lives> {
    const timer = new TestTimer();
    timer.fallFromNowOn(/^silence/);
    const driver = await host.open({ patience: { retryMs: 100, effectMs: 60_000 }, codePage: 'gbk', timer });
    return new Lives(host, driver, model, knobs, timer);
  }

  async liveShortly() {
    const { nativeId } = await this.#create({ nics: [{ network: 'vmnet8' }] });
    expect(await this.#driver.get(nativeId)).toMatchObject({ state: 'running', nics: [{ network: 'vmnet8' }] });
    await this.#stop(this.#pathOf(nativeId));
    expect(await this.#remove(nativeId)).toMatchObject({ effect: 'changed' });
    expect(this.#host.files()).toEqual([]);
  }

  async revertToMemory() {
    const vmx = this.#vm();
    await this.#start(vmx);
    const hot = await this.#snapshot(vmx, 'hot', true);
    expect(await this.#revert(vmx, hot)).toBe('changed');
    expect(await this.#driver.get(idOf(vmx))).toMatchObject({
      state: 'running',
      snapshots: [{ current: true, memory: true }],
    });
  }

  async revertToWhatVanishes() {
    const vmx = this.#vm();
    const id = await this.#snapshot(vmx, 'gone');
    const reverting = this.#meanwhile(
      'revertToSnapshot',
      () => this.#revert(vmx, id),
      () => this.#host.vmrun('deleteSnapshot', vmx, 'gone'),
    );
    await expectProblem('snapshot-not-found', reverting);
  }

  async #parentAndChild() {
    const vmx = this.#vm();
    const parent = await this.#snapshot(vmx, 'parent');
    await this.#snapshot(vmx, 'child');
    return { vmx, parent };
  }

  async deleteParentIsRefused() {
    const { vmx, parent } = await this.#parentAndChild();
    const { message } = await expectProblem('host-rejected', this.#dropSnapshot(vmx, parent));
    expect(message).toMatch(/below it.*together with it/);
    expect(message).not.toMatch(/Try again/);
    expect(await this.#namesOf(vmx)).toEqual(['parent', 'child']);
    expect(await this.#dropSnapshot(vmx, parent, true)).toBe('changed');
    expect(await this.#namesOf(vmx)).toEqual([]);
  }

  async deleteParent() {
    const { vmx, parent } = await this.#parentAndChild();
    expect(await this.#dropSnapshot(vmx, parent)).toBe('changed');
    expect(await this.#snapshotsOf(vmx)).toMatchObject([{ name: 'child', parent: null }]);
  }

  async deleteWithClones() {
    const vmx = this.#vm();
    const id = await this.#snapshot(vmx, 'base');
    const made = await this.#clone(vmx, 'twin', { snapshot: id });
    expect((await expectProblem('wrong-state', this.#dropSnapshot(vmx, id))).message).toMatch(/Linked clones/);
    // By hand, so that the list of clones goes on naming it.
    rmSync(dirname(this.#pathOf(made.nativeId)), { recursive: true });
    expect(await this.#dropSnapshot(vmx, id)).toBe('changed');
    expect(await this.#namesOf(vmx)).toEqual([]);
  }

  async snapshotsWithSlashes() {
    const vmx = this.#vm();
    for (const name of ['x', 'y', 'x/y']) await this.#host.vmrun('snapshot', vmx, name);
    const [, plain, slashed] = await this.#snapshotsOf(vmx);
    // vmrun may read it as y below x.
    expect((await expectProblem('host-rejected', this.#dropSnapshot(vmx, slashed!.id))).message).toMatch(
      /uniquely.*Rename/,
    );
    expect(await this.#dropSnapshot(vmx, plain!.id)).toBe('changed');
    expect(await this.#namesOf(vmx)).toEqual(['x', 'x/y']);
    expect(await this.#dropSnapshot(vmx, slashed!.id)).toBe('changed');
    expect(await this.#namesOf(vmx)).toEqual(['x']);
  }

  async namesakesBesideEachOther() {
    const vmx = this.#vm();
    await this.#host.vmrun('snapshot', vmx, 'root');
    await this.#host.vmrun('snapshot', vmx, 'a');
    await this.#host.vmrun('revertToSnapshot', vmx, 'root');
    await this.#host.vmrun('snapshot', vmx, 'a');
    const [, first] = await this.#snapshotsOf(vmx);
    expect((await expectProblem('host-rejected', this.#revert(vmx, first!.id))).message).toMatch(/uniquely.*Rename/);
    await expectProblem(
      'name-taken',
      run((context) => this.#driver.snapshots!.create(idOf(vmx), { name: 'a', memory: false }, context)),
    );
    expect(await this.#namesOf(vmx)).toEqual(['root', 'a', 'a']);
  }

  async namesakesBelowEachOther() {
    const vmx = this.#vm();
    for (const name of ['a', 'b', 'a']) await this.#host.vmrun('snapshot', vmx, name);
    const [, , below] = await this.#snapshotsOf(vmx);
    expect(await this.#dropSnapshot(vmx, below!.id)).toBe('changed');
    expect(await this.#snapshotsOf(vmx)).toMatchObject([{ name: 'a', parent: null }, { name: 'b' }]);
  }

  /** The first attempt fails when its work is done, so that the second finds a clone in its way. */
  async cloneTwice() {
    const vmx = this.#vm();
    const error = 'not-supported-for-parameters';
    this.#host.set({ ...this.#knobs, faults: [{ kind: 'refuse', command: 'clone', at: 'after', times: 1, error }] });
    const made = await this.#clone(vmx, 'twin', { linked: false });
    expect(await this.#driver.get(made.nativeId)).toMatchObject({ name: 'twin', state: 'stopped' });
    expect((await this.#driver.list()).map(({ name }) => name).sort()).toEqual(['twin', 'web']);
  }

  async cloneWhatRuns() {
    const vmx = this.#vm();
    const cold = await this.#snapshot(vmx, 'cold');
    await this.#start(vmx);
    await expectProblem('wrong-state', this.#clone(vmx, 'twin', { snapshot: cold }));
    const hot = await this.#snapshot(vmx, 'hot', true);
    await this.#stop(vmx);
    await expectProblem('wrong-state', this.#clone(vmx, 'twin', { snapshot: hot, linked: false }));
    expect((await this.#driver.list()).map(({ name }) => name)).toEqual(['web']);
  }

  async startAfterCrash() {
    const vmx = this.#vm();
    await this.#start(vmx);
    await this.#host.endProcesses();
    expect(readdirSync(dirname(vmx)).filter((name) => name.endsWith('.lck'))).not.toEqual([]);
    expect(await this.#stateOf(vmx)).toBe('crashed');
    await this.#start(vmx);
    expect(await this.#stateOf(vmx)).toBe('running');
  }

  async startWithKeyTwice(starts: boolean) {
    const vmx = this.#vm();
    writeFileSync(vmx, `${readFileSync(vmx, 'utf8')}MEMSIZE = "64"\n`);
    expect(await this.#driver.get(idOf(vmx))).toMatchObject({ memoryMiB: 64, state: 'stopped' });
    if (starts) expect(await this.#start(vmx)).toBe('changed');
    else expect((await expectProblem('host-rejected', this.#start(vmx))).message).toMatch(/key that stands twice/);
    expect(await this.#stateOf(vmx)).toBe(starts ? 'running' : 'stopped');
  }

  async reset() {
    const vmx = this.#vm();
    await this.#start(vmx);
    expect(await run((context) => this.#driver.reset(idOf(vmx), context))).toBe('changed');
    expect(await this.#stateOf(vmx)).toBe('running');
  }

  async stopInVain() {
    const vmx = this.#vm();
    await this.#start(vmx);
    this.#notice('stop', { after: 1 });
    const asking = run((context) => this.#driver.stop(idOf(vmx), { force: false, timeoutSeconds: 6 }, context));
    asking.catch(() => undefined);
    // By the second call the first has said why the guest did not stop.
    await this.#host.clock.untilStruck('stop');
    this.#timer.fall('guest');
    const { message } = await expectProblem('timed-out', asking);
    expect(message).toMatch(/Workstation says: .*VMware Tools/);
    expect(await this.#stateOf(vmx)).toBe('running');
  }

  async suspendAndResume() {
    const vmx = this.#vm();
    await this.#start(vmx);
    this.#host.clock.hold();
    const driver = await this.#patientDriver();
    expect(await run((context) => driver.suspend.suspend(idOf(vmx), context))).toBe('changed');
    this.#notice('start');
    const resuming = run((context) => driver.suspend.resume(idOf(vmx), context));
    resuming.catch(() => undefined);
    await untilGone((await this.#host.clock.untilStruck('start')).pid);
    expect(await this.#stateOf(vmx)).toBe('suspended');
    this.#host.clock.advance(Number(this.#knobs['suspendBusyMs']));
    expect(await resuming).toBe('changed');
    expect(await this.#stateOf(vmx)).toBe('running');
  }

  async pauseAndResume() {
    const vmx = this.#vm();
    await this.#start(vmx);
    expect(await run((context) => this.#driver.suspend.pause(idOf(vmx), context))).toBe('changed');
    expect(await this.#stateOf(vmx)).toBe('paused');
    expect(await run((context) => this.#driver.suspend.resume(idOf(vmx), context))).toBe('changed');
    expect(await this.#stateOf(vmx)).toBe('running');
  }

  async loseVm() {
    const vmx = this.#vm();
    this.#host.clock.hold();
    this.#host.set(this.#knobs);
    await this.#start(vmx);
    const crashAfterMs = Number(this.#knobs['crashAfterMs']);
    this.#host.clock.advance(crashAfterMs - 1);
    expect(await this.#stateOf(vmx)).toBe('running');
    this.#host.clock.advance(1);
    while ((await this.#stateOf(vmx)) === 'running') continue;
    expect(await this.#stateOf(vmx)).toBe('crashed');
    this.#host.set({});
    expect(await this.#start(vmx)).toBe('changed');
  }

  async snapshotMeanwhile() {
    const vmx = this.#vm();
    const { clock } = this.#host;
    const driver = await this.#patientDriver();
    // A call that is there before its first change a driver takes for one of an agent that died, and waits for it.
    await this.#snapshot(vmx, 'first', false, driver);
    clock.hold();
    this.#host.set({
      ...this.#knobs,
      faults: [{ kind: 'slow', command: 'snapshot', at: 'halfway', times: 1, delayMs: 700 }],
    });
    const theirs = this.#host.vmrun('snapshot', vmx, 'theirs');
    await clock.untilStruck('snapshot');
    this.#notice('snapshot');
    const ours = this.#snapshot(vmx, 'ours', false, driver);
    ours.catch(() => undefined);
    const { pid } = await clock.untilStruck('snapshot');
    if (this.#knobs['busy'] === 'refuse') await untilGone(pid);
    clock.advance(700);
    await ours;
    await theirs;
    expect(await this.#namesOf(vmx)).toEqual(['first', 'theirs', 'ours']);
  }

  async startMeanwhile() {
    const vmx = this.#vm();
    const effect = await this.#meanwhile(
      'start',
      () => this.#start(vmx),
      () => this.#host.vmrun('start', vmx, 'nogui'),
    );
    expect(effect).toBe('changed');
    expect(await this.#stateOf(vmx)).toBe('running');
    expect(await this.#host.processes()).toHaveLength(1);
  }

  async askGuest() {
    const vmx = await this.#host.foreignVm(this.#host.vmFolder, 'talks', {
      'ethernet0.present': 'TRUE',
      'ethernet0.connectionType': 'bridged',
    });
    const ask = () => this.#driver.guest.read(idOf(vmx), forever);
    expect(await ask()).toMatchObject({ agent: false, addresses: [] });
    this.#host.set({ ...this.#knobs, guestAddress: '10.1.2.3' });
    await this.#start(vmx);
    let told = await ask();
    while (!told.agent) told = await ask();
    expect(told.addresses).toEqual(['10.1.2.3']);
    // What a guest gives itself reaches nobody.
    for (const guestAddress of ['169.254.7.7', 'fe80::1']) {
      this.#host.set({ ...this.#knobs, guestAddress });
      expect((await ask()).addresses).not.toContain(guestAddress);
    }
  }

  async liveOnPlayer() {
    expect(this.#driver.clone).toBeUndefined();
    expect(this.#driver.snapshots).toBeUndefined();
    expect((await this.#driver.probe()).capabilities).toMatchObject({
      clone: { available: false },
      suspend: { available: true },
    });
    await this.liveShortly();
    await this.templateOnPlayer();
  }

  async templateOnPlayer() {
    const code: ProblemCode = 'capability-missing';
    expect((await expectProblem(code, this.#create({ template: 'any', disks: [] }))).message).toMatch(
      /Workstation Pro/,
    );
    expect(this.#host.files()).toEqual([]);
  }

  async liveInGbk() {
    const vmx = this.#vm('虚拟机');
    await this.#start(vmx);
    expect(await this.#driver.get(idOf(vmx))).toMatchObject({ name: '虚拟机', state: 'running' });
    expect((await this.#driver.list()).filter(isReadable).map(({ state }) => state)).toEqual(['running']);
  }

  async liveOnRelease(version: string, hardware: string) {
    const { health, version: shown } = await this.#driver.probe();
    expect(health.status).toBe('healthy');
    expect(shown).toContain(version);
    const { nativeId } = await this.#create();
    expect(readFileSync(this.#pathOf(nativeId), 'utf8')).toContain(`virtualHW.version = "${hardware}"`);
    expect((await this.#driver.get(nativeId)).state).toBe('running');
  }

  /** Does something by another tool while a call of ours is about to begin. */
  async #meanwhile<Result>(command: string, ours: () => Promise<Result>, theirs: () => Promise<unknown>) {
    const { clock } = this.#host;
    clock.hold();
    this.#host.set({ ...this.#knobs, faults: [{ kind: 'slow', command, times: 1, delayMs: 3_000 }] });
    const outcome = ours();
    outcome.catch(() => undefined);
    await clock.untilStruck(command);
    await theirs();
    clock.advance(3_000);
    return outcome;
  }

  /** Has the next call of a command noted when it comes; nothing else happens to it. */
  #notice(command: string, { after = 0 } = {}) {
    this.#host.set({ ...this.#knobs, faults: [{ kind: 'slow', command, times: 1, after, delayMs: 0 }] });
  }

  /** One that tries again until it is no longer refused for a moment. */
  #patientDriver() {
    return this.#host.open({ patience: { tries: 10_000, retryMs: 20, effectMs: 60_000 }, timer: this.#timer });
  }

  async #stateOf(vmx: string) {
    return (await this.#driver.get(idOf(vmx))).state;
  }

  #vm(name = 'web') {
    return this.#host.copyVm(this.#model, name);
  }

  #start(vmx: string) {
    return run((context) => this.#driver.start(idOf(vmx), context));
  }

  #stop(vmx: string) {
    return run((context) => this.#driver.stop(idOf(vmx), { force: true, timeoutSeconds: 5 }, context));
  }

  async #snapshot(vmx: string, name: string, memory = false, driver = this.#driver) {
    return (await run((context) => driver.snapshots!.create(idOf(vmx), { name, memory }, context))).snapshot;
  }

  async #snapshotsOf(vmx: string) {
    return (await this.#driver.get(idOf(vmx))).snapshots;
  }

  async #namesOf(vmx: string) {
    return (await this.#snapshotsOf(vmx)).map(({ name }) => name);
  }

  async #revert(vmx: string, id: string) {
    return (await run((context) => this.#driver.snapshots!.revert(idOf(vmx), id, context))).effect;
  }

  async #dropSnapshot(vmx: string, id: string, children = false) {
    const input = { snapshot: id, children };
    return (await run((context) => this.#driver.snapshots!.delete(idOf(vmx), input, context))).effect;
  }

  #clone(vmx: string, name: string, input: object = {}) {
    return run((context) =>
      this.#driver.clone!.clone(idOf(vmx), { name, linked: true, start: false, ...input }, context),
    );
  }

  #remove(nativeId: NativeId) {
    return run((context) => this.#driver.delete(nativeId, { disks: 'delete' }, context));
  }

  #create(input: object = {}) {
    return run((context) =>
      this.#driver.create(
        CreateVm.parse({ name: 'made', memoryMiB: 32, disks: [{ sizeGiB: 1 }], start: true, ...input }),
        context,
      ),
    );
  }

  #pathOf(nativeId: NativeId) {
    return this.#host
      .files()
      .filter((path) => path.endsWith('.vmx'))
      .map((path) => join(this.#host.vmFolder, path))
      .find((path) => idOf(path) === nativeId)!;
  }
}
