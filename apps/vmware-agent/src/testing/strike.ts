import { expect } from '@jest/globals';
import { eventually } from '@polyvirt/agent-kit/testing';
import { CreateVm, ProblemError, type NativeId, type ProblemCode } from '@polyvirt/contracts';
import { isReadable, type OperationContext } from '@polyvirt/hypervisor';
import { TestOperation } from '@polyvirt/hypervisor/testing';
import { nativeIdOf } from '../inventory/identity.ts';
import type { WorkstationDriver } from '../workstation.driver.ts';
import type { FaultyAct } from './fault-cases.ts';
import type { Knobs, SimulatedWorkstation } from './simulated-workstation.ts';

interface Subject {
  readonly nativeId: NativeId | undefined;
  readonly name: string;
}

export interface Blow {
  readonly act: FaultyAct;
  readonly knobs: Knobs;
  /** Network that a VM is made on. */
  readonly network?: string | undefined;
  readonly ends: 'well' | readonly ProblemCode[];
  readonly says?: RegExp | undefined;
}

/** Asks for something on a host that misbehaves, and looks what became of it. */
export class Strike {
  readonly #host: SimulatedWorkstation;
  readonly #driver: WorkstationDriver;
  readonly #model: string;
  #number = 0;

  /** `model` is a VM that others are copies of. */
  constructor(host: SimulatedWorkstation, driver: WorkstationDriver, model: string) {
    this.#host = host;
    this.#driver = driver;
    this.#model = model;
  }

  async with({ act, knobs, network, ends, says }: Blow): Promise<void> {
    const host = this.#host;
    const subject = await this.#prepare(act);
    const before = { files: host.files(), processes: (await host.processes()).length };
    host.set(knobs);
    const outcome = await this.#perform(act, subject, network).then(
      () => 'well' as const,
      (error: unknown) => error,
    );
    host.set({});
    if (ends === 'well') {
      if (outcome !== 'well') throw outcome;
      await this.#demandDone(act, subject, network);
    } else {
      if (!(outcome instanceof ProblemError)) throw new Error(`it ended with ${String(outcome)}`, { cause: outcome });
      expect({ code: outcome.code, detail: outcome.message }).toEqual({
        code: ends.find((code) => code === outcome.code) ?? ends[0],
        detail: says === undefined ? expect.any(String) : expect.stringMatching(says),
      });
      // Nothing half-made is left, and what was there is as it was.
      expect(host.files()).toEqual(before.files);
      // One that has done its work may still be about to exit.
      await eventually(async () => expect(await host.processes()).toHaveLength(before.processes));
      for (const vm of await this.#driver.list())
        expect(vm).toMatchObject({ state: act === 'stop' ? 'running' : 'stopped', snapshots: [] });
    }
    await host.endProcesses();
    host.clear();
  }

  async #prepare(act: FaultyAct): Promise<Subject> {
    this.#number += 1;
    const name = `subject-${this.#number}`;
    if (act === 'create') return { nativeId: undefined, name };
    const vmx = this.#host.copyVm(this.#model, name);
    if (act === 'stop') await this.#host.vmrun('start', vmx, 'nogui');
    return { nativeId: nativeIdOf(vmx, 'linux'), name };
  }

  #perform(act: FaultyAct, { nativeId, name }: Subject, network: string | undefined): Promise<unknown> {
    const driver = this.#driver;
    const run = <Result>(method: (context: OperationContext) => Promise<Result>) => new TestOperation().run(method);
    switch (act) {
      case 'create':
        return run((context) => driver.create(bodyOf(name, network), context));
      case 'start':
        return run((context) => driver.start(nativeId!, context));
      case 'stop':
        return run((context) => driver.stop(nativeId!, { force: true, timeoutSeconds: 1 }, context));
      case 'clone':
        return run((context) =>
          driver.clone!.clone(nativeId!, { name: `${name}-clone`, linked: true, start: false }, context),
        );
      case 'snapshot':
        return run((context) => driver.snapshots!.create(nativeId!, { name: 'photo', memory: false }, context));
      case 'delete':
        return run((context) => driver.delete(nativeId!, { disks: 'delete' }, context));
    }
  }

  /** What the host has to look like when the act has ended well. */
  async #demandDone(act: FaultyAct, { nativeId, name }: Subject, network: string | undefined): Promise<void> {
    const vms = (await this.#driver.list()).filter(isReadable);
    const subject = vms.find((vm) => vm.nativeId === nativeId);
    const nics = network === undefined ? [] : [{ network }];
    switch (act) {
      case 'create':
        return expect(vms.filter((vm) => vm.name === name)).toMatchObject([{ nics }]);
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
  }
}

const bodyOf = (name: string, network: string | undefined) =>
  CreateVm.parse({
    name,
    memoryMiB: 32,
    disks: [{ sizeGiB: 1 }],
    nics: network === undefined ? [] : [{ network }],
  });
