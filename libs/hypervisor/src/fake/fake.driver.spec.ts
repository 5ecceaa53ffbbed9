import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CreateVm, ProblemError } from '@polyvirt/contracts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestOperation } from '../testing/test-operation.ts';
import { FakeHost } from './fake-host.ts';
import { FakeDriver } from './fake.driver.ts';

const body = (name: string) => CreateVm.parse({ name, disks: [{ sizeGiB: 1 }] });
const signal = new AbortController().signal;

describe('FakeDriver', () => {
  let folder: string;
  let file: string;
  const open: { close(): void | Promise<void> }[] = [];
  const opened = <Thing extends { close(): void | Promise<void> }>(thing: Thing): Thing => {
    open.push(thing);
    return thing;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-fake-'));
    file = join(folder, 'host.json');
  });
  afterEach(async () => {
    for (const thing of open.splice(0)) await thing.close();
    rmSync(folder, { recursive: true });
  });

  it('finds its state again in the next process', async () => {
    const first = opened(new FakeDriver({ file }));
    const { nativeId } = await new TestOperation().run((context) => first.create(body('kept'), context));
    await first.start(nativeId, new TestOperation());
    const second = opened(new FakeDriver({ file }));
    expect(await second.get(nativeId, signal)).toMatchObject({ name: 'kept', state: 'running' });
    expect(second.host.acts.map(({ act }) => act)).toEqual(['create-volume', 'define', 'power-on']);
  });

  it('sees and tells what another process does to its file', async () => {
    const driver = opened(new FakeDriver({ file }));
    const { nativeId } = await new TestOperation().run((context) => driver.create(body('shared'), context));
    const stop = new AbortController();
    const change = driver.watch!.changes(stop.signal)[Symbol.asyncIterator]().next();
    const otherProcess = opened(new FakeHost({ file }));
    otherProcess.rename(nativeId, 'renamed');
    expect(await change).toMatchObject({ value: 'everything' });
    expect(await driver.get(nativeId, signal)).toMatchObject({ name: 'renamed' });
    stop.abort();
  });

  it('lets a guest that was shutting down be off in the next process', async () => {
    const first = opened(new FakeHost({ file, bootMs: 0, shutdownMs: 30 }));
    first.populate(1);
    first.pressPowerButton('vm-00001');
    first.close();
    const second = opened(new FakeHost({ file, bootMs: 0, shutdownMs: 30 }));
    const off = new Promise<void>((resolve) => second.onChange(() => resolve()));
    await off;
    expect(second.find('vm-00001')?.state).toBe('stopped');
  });

  it('notes whoever makes something twice without looking', () => {
    const host = opened(new FakeHost());
    host.populate(1);
    const twin = structuredClone(host.find('vm-00001')!);
    expect(() => host.define({ ...twin, nativeId: 'another' })).toThrow(ProblemError);
    expect(() => host.define({ ...twin, name: 'another' })).toThrow(ProblemError);
    expect(() => host.createVolume({ path: twin.disks[0]!.path, sizeGiB: 1 })).toThrow(ProblemError);
    expect(host.doubled).toEqual(['vm-00001', 'vm-00001', twin.disks[0]!.path]);
  });

  it('has only so much room', async () => {
    const driver = opened(new FakeDriver({ storageGiB: 3 }));
    const large = CreateVm.parse({ name: 'large', disks: [{ sizeGiB: 2 }, { sizeGiB: 2 }] });
    const creating = new TestOperation().run((context) => driver.create(large, context));
    await expect(creating).rejects.toMatchObject({ code: 'insufficient-capacity' });
    expect(driver.host.volumes()).toEqual([]);
  });

  describe('fails as told', () => {
    const start = (driver: FakeDriver, operation = new TestOperation()) => driver.start('vm-00002', operation);
    let driver: FakeDriver;
    beforeEach(() => {
      driver = opened(new FakeDriver());
      driver.host.populate(2);
    });

    it('with a problem, so many times', async () => {
      driver.faults.add({ at: 'start', failWith: 'insufficient-capacity', times: 2 });
      await expect(start(driver)).rejects.toMatchObject({ code: 'insufficient-capacity' });
      await expect(start(driver)).rejects.toMatchObject({ code: 'insufficient-capacity' });
      expect(await start(driver)).toBe('changed');
    });

    it('when the work is done', async () => {
      const disarm = driver.faults.add({ at: 'start', moment: 'after', breakWith: 'no' });
      await expect(start(driver)).rejects.toThrow('no');
      disarm();
      expect(await start(driver)).toBe('unchanged');
    });

    it('by being slow', async () => {
      driver.faults.add({ at: '*', delayMs: 60 });
      const began = performance.now();
      await start(driver);
      expect(performance.now() - began).toBeGreaterThanOrEqual(55);
    });

    it('by hanging until the signal aborts', async () => {
      driver.faults.add({ at: 'start', hang: true });
      const operation = new TestOperation();
      const hanging = expect(start(driver, operation)).rejects.toThrow('cancelled');
      operation.cancel();
      await hanging;
    });

    it('by letting the VM vanish', async () => {
      driver.faults.add({ at: 'start', vanish: true });
      await expect(start(driver)).rejects.toMatchObject({ code: 'vm-not-found' });
    });

    it('in one step only', async () => {
      driver.faults.add({ at: 'create: define the machine', failWith: 'host-rejected' });
      const creating = new TestOperation().run((context) => driver.create(body('half'), context));
      await expect(creating).rejects.toMatchObject({ code: 'host-rejected' });
      driver.faults.clear();
      await new TestOperation().run((context) => driver.create(body('half'), context));
    });
  });

  it('holds twenty thousand VMs cheaply', async () => {
    const driver = opened(new FakeDriver());
    driver.host.populate(20_000);
    const before = process.cpuUsage();
    expect(await driver.list(signal)).toHaveLength(20_000);
    expect(await driver.metrics!.sweep(signal)).toHaveLength(20_000);
    // It takes a few tenths of a second of a processor; a quadratic look-up would take minutes.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(10_000);
  });
});
