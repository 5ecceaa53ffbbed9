import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateVm, ProblemError, type NativeId, type ProblemCode } from '@polyvirt/contracts';
import type { OperationContext } from '@polyvirt/hypervisor';
import { TestOperation } from '@polyvirt/hypervisor/testing';
import { callFaults, callOf, faultyActs, knobCases, type FaultyAct } from './testing/fault-cases.ts';
import { nativeIdOf } from './inventory/identity.ts';
import { SimulatedWorkstation, type Knobs } from './testing/simulated-workstation.ts';
import type { WorkstationDriver } from './workstation.driver.ts';

/** Calls get so long; an operation makes a few of them, and tries again. */
const callMs = 1_500;
const operationMs = 20_000;

describe('a Workstation that misbehaves', () => {
  let host: SimulatedWorkstation;
  let driver: WorkstationDriver;
  let model = '';
  let number = 0;

  beforeAll(async () => {
    host = new SimulatedWorkstation();
    model = await host.foreignVm(host.folder, 'model', {}, true);
    driver = await host.open({
      deadlines: { look: 5_000, power: callMs, state: callMs, disk: callMs },
      patience: { tries: 3, retryMs: 20, effectMs: 2_000 },
    });
  });
  afterAll(() => host.close());
  afterEach(() => host.set({}));

  const run = <Result>(method: (context: OperationContext) => Promise<Result>) => new TestOperation().run(method);
  const body = (name: string) => CreateVm.parse({ name, memoryMiB: 32, disks: [{ sizeGiB: 1 }] });

  interface Subject {
    readonly nativeId: NativeId | undefined;
    readonly name: string;
  }

  const prepare = async (act: FaultyAct): Promise<Subject> => {
    number += 1;
    const name = `subject-${number}`;
    if (act === 'create') return { nativeId: undefined, name };
    const vmx = host.copyVm(model, name);
    if (act === 'stop') await host.vmrun('start', vmx, 'nogui');
    return { nativeId: nativeIdOf(vmx, 'linux'), name };
  };

  const perform: Record<FaultyAct, (subject: Subject) => Promise<unknown>> = {
    create: ({ name }) => run((context) => driver.create(body(name), context)),
    start: ({ nativeId }) => run((context) => driver.start(nativeId!, context)),
    stop: ({ nativeId }) => run((context) => driver.stop(nativeId!, { force: true, timeoutSeconds: 1 }, context)),
    clone: ({ nativeId, name }) =>
      run((context) => driver.clone!.clone(nativeId!, { name: `${name}-clone`, linked: true, start: false }, context)),
    snapshot: ({ nativeId }) =>
      run((context) => driver.snapshots!.create(nativeId!, { name: 'photo', memory: false }, context)),
    delete: ({ nativeId }) => run((context) => driver.delete(nativeId!, { disks: 'delete' }, context)),
  };

  /** What the host has to look like when the act has ended well. */
  const demandDone = async (act: FaultyAct, { nativeId, name }: Subject) => {
    const vms = await driver.list();
    const subject = vms.find((vm) => vm.nativeId === nativeId);
    switch (act) {
      case 'create':
        return expect(vms.filter((vm) => vm.name === name)).toHaveLength(1);
      case 'start':
        return expect(subject?.state).toBe('running');
      case 'stop':
        return expect(subject?.state).toBe('stopped');
      case 'clone':
        return expect(vms.filter((vm) => vm.name === `${name}-clone`)).toHaveLength(1);
      case 'snapshot':
        return expect(subject?.snapshots).toHaveLength(1);
      case 'delete':
        return expect(subject).toBeUndefined();
    }
  };

  const strike = async (
    act: FaultyAct,
    knobs: Knobs,
    ends: 'well' | readonly ProblemCode[],
    says: RegExp | undefined,
  ) => {
    const subject = await prepare(act);
    const before = { files: host.files(), processes: (await host.processes()).length };
    host.set(knobs);
    const startedAt = performance.now();
    const outcome = await perform[act](subject).then(
      () => 'well' as const,
      (error: unknown) => error,
    );
    expect(performance.now() - startedAt).toBeLessThan(operationMs);
    host.set({});
    if (ends === 'well') {
      if (outcome !== 'well') throw outcome;
      await demandDone(act, subject);
    } else {
      if (!(outcome instanceof ProblemError)) throw new Error(`it ended with ${String(outcome)}`, { cause: outcome });
      expect({ code: outcome.code, detail: outcome.message }).toEqual({
        code: ends.find((code) => code === outcome.code) ?? ends[0],
        detail: says === undefined ? expect.any(String) : expect.stringMatching(says),
      });
      // Nothing half-made is left, and what was there is as it was.
      expect(host.files()).toEqual(before.files);
      expect(await host.processes()).toHaveLength(before.processes);
      for (const vm of await driver.list())
        expect(vm).toMatchObject({ state: act === 'stop' ? 'running' : 'stopped', snapshots: [] });
    }
    await host.endProcesses();
    host.clear();
  };

  for (const { title, fault, ends, except, says } of callFaults)
    describe(title, () => {
      for (const act of faultyActs)
        it(
          `strikes a ${act}`,
          () => strike(act, { faults: [{ command: callOf[act], ...fault }] }, except?.[act] ?? ends, says),
          60_000,
        );
    });

  for (const { title, knobs, ends, says } of knobCases)
    describe(title, () => {
      for (const [act, end] of Object.entries(ends))
        it(`strikes a ${act}`, () => strike(act as FaultyAct, knobs, end, end === 'well' ? undefined : says), 60_000);
    });
});
