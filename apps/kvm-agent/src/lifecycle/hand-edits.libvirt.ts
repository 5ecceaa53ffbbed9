import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateVm, type NativeId } from '@polyvirt/contracts';
import type { HypervisorDriver, Step } from '@polyvirt/hypervisor';
import { Death, expectProblem, TestOperation, type Bench } from '@polyvirt/hypervisor/testing';
import { Libvirt } from '@polyvirt/node-libvirt';
import { openLibvirtBench } from '../testing/libvirt-bench.ts';

const timeoutMs = 60_000;
const stepsOfCreate = ['look at the template', 'check name and networks', 'make disk vda', 'define the domain'];
const stepsOfClone = ['check source and name', 'look at the disks of the source', 'copy disk vda'];

/** Whoever has virsh may start, stop and remove machines at any moment, also in the middle of an operation. */
describe('operations on libvirt while somebody else is at work', () => {
  let bench: Bench;
  let driver: HypervisorDriver;
  let libvirt: Libvirt;
  let names = 0;

  beforeAll(async () => {
    bench = await openLibvirtBench();
    driver = await bench.open();
    libvirt = await Libvirt.connect({ uri: 'qemu:///system' });
  }, timeoutMs);

  afterEach(async () => {
    for (const { uuid, name } of await libvirt.domains.list({ active: true }))
      if (name.startsWith(bench.prefix)) await libvirt.domains.reference(uuid).destroy();
  });

  afterAll(async () => {
    await libvirt.close();
    await driver.close();
    await bench.clean();
    await bench.close();
  }, timeoutMs);

  const name = () => `${bench.prefix}vm-${(names += 1)}`;
  const make = async (input: Partial<CreateVm> = {}): Promise<NativeId> => {
    const body = CreateVm.parse({ name: name(), memoryMiB: 32, disks: [{ sizeGiB: 1 }], ...input });
    return (await new TestOperation().run((context) => driver.create(body, context))).nativeId;
  };
  const clone = async (from: NativeId): Promise<NativeId> => {
    const input = { name: name(), linked: true, start: false };
    return (await new TestOperation().run((context) => driver.clone!.clone(from, input, context))).nativeId;
  };
  const remove = (nativeId: NativeId) =>
    new TestOperation().run((context) => driver.delete(nativeId, { disks: 'delete' }, context));
  const start = async (nativeId: NativeId) => {
    await libvirt.domains.reference(nativeId).start();
  };
  const diskOf = async (nativeId: NativeId) => (await driver.get(nativeId, AbortSignal.timeout(5_000))).disks[0]!.path!;

  /** Carries a clone out as far as a step, which fails when `meanwhile` is over; the answer is what takes it back. */
  const linkedCloneUntil = async (from: NativeId, failing: string, meanwhile: () => Promise<void>) => {
    const operation = new TestOperation();
    const undos: (() => Promise<void>)[] = [];
    const step = async <Result>(one: Step<never>): Promise<Result> => {
      if (one.undo) undos.push(() => one.undo!(AbortSignal.timeout(timeoutMs)));
      if (one.name !== failing) return (await one.act(false)) as Result;
      await meanwhile();
      throw new Error('made to fail');
    };
    const input = { name: name(), linked: true, start: false };
    const context = {
      operationId: operation.operationId,
      signal: operation.signal,
      progress: () => {},
      journal: { step: step as TestOperation['journal']['step'] },
    };
    await expect(driver.clone!.clone(from, input, context)).rejects.toThrow('made to fail');
    return undos.reverse();
  };

  it(
    'end a create from a template that was cut when the template has been started since',
    async () => {
      const template = (await libvirt.domains.getByName(bench.template as string)).uuid;
      const before = await bench.leftovers();
      const body = CreateVm.parse({ name: name(), memoryMiB: 32, template: bench.template });
      const first = new TestOperation();
      first.cut = { step: stepsOfCreate.indexOf('define the domain'), moment: 'after' };
      await expect(first.run((context) => driver.create(body, context))).rejects.toThrow(Death);
      expect(first.steps).toEqual(stepsOfCreate);
      await start(template);
      const { nativeId } = await first.again().run((context) => driver.create(body, context));
      await remove(nativeId);
      expect(await bench.leftovers()).toEqual(before);
    },
    timeoutMs,
  );

  it(
    'leave nothing of a clone that was cut when its source has been removed since',
    async () => {
      const source = await make();
      const before = await bench.leftovers();
      const input = { name: name(), linked: false, start: false };
      const first = new TestOperation();
      first.cut = { step: stepsOfClone.indexOf('copy disk vda'), moment: 'after' };
      await expect(first.run((context) => driver.clone!.clone(source, input, context))).rejects.toThrow(Death);
      expect(first.steps).toEqual(stepsOfClone);
      const { name: sourceName } = await driver.get(source, AbortSignal.timeout(5_000));
      await bench.otherTool.remove(source);
      const again = first.again().run((context) => driver.clone!.clone(source, input, context));
      await expectProblem('vm-not-found', again);
      expect(await bench.leftovers()).toEqual(before.filter((left) => left !== sourceName));
    },
    timeoutMs,
  );

  it(
    'never remove the disk of a source that was started before a linked clone was taken back',
    async () => {
      const source = await make();
      const undos = await linkedCloneUntil(source, 'define the clone', () => start(source));
      const disk = await diskOf(source);
      // Even by a kit that went on after the first refusal.
      const outcomes = await Promise.allSettled(undos.map((undo) => undo()));
      expect(await libvirt.volumes.getByPath(disk)).toBeDefined();
      expect(await diskOf(source)).toBe(disk);
      expect(outcomes.filter(({ status }) => status === 'rejected')).not.toEqual([]);
    },
    timeoutMs,
  );

  it(
    'take a linked clone back when the source was started on the disk it had',
    async () => {
      const source = await make();
      const disk = await diskOf(source);
      const before = await bench.leftovers();
      const undos = await linkedCloneUntil(source, 'let the source continue beside its base', () => start(source));
      for (const undo of undos) await undo();
      expect(await diskOf(source)).toBe(disk);
      expect(await bench.leftovers()).toEqual(before);
    },
    timeoutMs,
  );

  it(
    'leave nothing when two linked clones of a VM that is gone are deleted at the same time',
    async () => {
      const before = await bench.leftovers();
      const source = await make();
      const [one, other] = [await clone(source), await clone(source)];
      const { notes } = await remove(source);
      expect(notes).toEqual([expect.stringContaining('in use by')]);
      // It dies when it has looked what belongs to it, and before it is gone.
      const first = new TestOperation();
      first.cut = { step: 1, moment: 'before' };
      const input = { disks: 'delete' } as const;
      await expect(first.run((context) => driver.delete(one, input, context))).rejects.toThrow(Death);
      await remove(other);
      await first.again().run((context) => driver.delete(one, input, context));
      expect(await bench.leftovers()).toEqual(before);
    },
    timeoutMs,
  );

  it(
    'keep a disk of a deleted VM that was attached to another one before it went',
    async () => {
      const before = await bench.leftovers();
      const [doomed, keeper] = [await make(), await make({ disks: [] })];
      const disk = await diskOf(doomed);
      const input = { disks: 'delete' } as const;
      const first = new TestOperation();
      first.cut = { step: 1, moment: 'after' };
      await expect(first.run((context) => driver.delete(doomed, input, context))).rejects.toThrow(Death);
      const attached = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`;
      await libvirt.domains.reference(keeper).attachDevice(attached, { config: true });
      const { notes } = await first.again().run((context) => driver.delete(doomed, input, context));
      expect(notes).toEqual([expect.stringContaining(disk)]);
      expect(await diskOf(keeper)).toBe(disk);
      await remove(keeper);
      expect(await bench.leftovers()).toEqual(before);
    },
    timeoutMs,
  );
});
