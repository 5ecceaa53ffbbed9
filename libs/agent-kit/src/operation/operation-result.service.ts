import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { keys, type Verb } from '@polyvirt/contracts';
import { AgentBench, host } from '../testing/agent-bench.ts';

describe('operations', () => {
  let bench: AgentBench;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

  it('tell their revision, which the inventory has by then', async () => {
    await bench.startAgent();
    const command = bench.create('seen');
    await bench.carryOut(command);
    const told = (await bench.ends(command))[0]!.event.data as { revision: number };
    const entry = await bench.inventory.get(keys.vm(host, command.operationId));
    expect(told.revision).toBe(entry?.revision);
  });

  it('tell what no look can see: restart, reset, clone and revert', async () => {
    await bench.startAgent();
    const created = bench.create('watched', { start: true });
    await bench.carryOut(created);
    const id = created.operationId;
    const force = { force: true, timeoutSeconds: 1 };
    await bench.carryOut(bench.command('vm.reset', id));
    await bench.carryOut(bench.command('vm.restart', id, force));
    await bench.carryOut(bench.command('vm.stop', id, force));
    const shot = await bench.carryOut(bench.command('vm.snapshot-create', id, { name: 'a', memory: false }));
    const { snapshot } = shot.result!;
    expect(snapshot).toBeDefined();
    await bench.carryOut(bench.command('vm.snapshot-revert', id, { snapshot }));
    const clone = bench.command('vm.clone', id, { name: 'twin', linked: false, start: false });
    expect(await bench.carryOut(clone)).toMatchObject({
      vmId: `${host}~${id}`,
      result: { vmId: `${host}~${clone.operationId}` },
    });

    const told = bench.vmEvents(id);
    expect(told.map(({ type }) => type).filter((type) => !['vm.started', 'vm.stopped'].includes(type))).toEqual([
      'vm.created',
      'vm.reset',
      'vm.restarted',
      'vm.snapshot-created',
      'vm.snapshot-reverted',
      'vm.cloned',
    ]);
    expect(told.at(-1)!.data).toMatchObject({ clone: `${host}~${clone.operationId}`, requestedBy: 'ada' });
    const [copied] = bench.vmEvents(clone.operationId);
    expect(copied).toMatchObject({
      type: 'vm.created',
      data: { clonedFrom: `${host}~${id}`, operationId: clone.operationId, definition: { format: 'libvirt-xml' } },
    });
  });

  it('fail when the VM that they left on did not outlive them, and what was changed stays', async () => {
    const { driver } = await bench.startAgent();
    const created = bench.create('fragile', { start: true });
    await bench.carryOut(created);
    const id = created.operationId;
    driver.faults.add({ at: 'reconfigure', moment: 'after', guestCrash: true, times: 1 });
    const operation = await bench.carryOut(bench.command('vm.reconfigure', id, { cpus: 2 }));
    expect(operation).toMatchObject({
      status: 'failed',
      changed: true,
      error: { code: 'host-rejected', detail: expect.stringContaining('"fragile" crashed'), operationId: operation.id },
    });
    expect(await bench.record(id)).toMatchObject({ state: 'crashed' });
  });

  it('say what their author should know, for every verb, and nothing of the user data', async () => {
    const { driver } = await bench.startAgent({ capacity: { memoryMiB: 100 } });
    const userData = 'users: [root]\npassword: correct-horse-battery\n';
    const created = bench.create('noted', { cloudInit: { userData }, start: true });
    const notes = (await bench.carryOut(created)).result?.notes;
    expect(notes).toEqual([expect.stringContaining('no header that cloud-init knows')]);
    const second = (await bench.carryOut(bench.create('second', { start: true }))).result?.notes;
    expect(second).toEqual([expect.stringContaining('128 MiB')]);
    const shot = bench.command('vm.snapshot-create', created.operationId, { name: 'a', memory: false });
    const { snapshot } = (await bench.carryOut(shot)).result!;
    const reverted = await bench.carryOut(bench.command('vm.snapshot-revert', created.operationId, { snapshot }));
    expect(reverted.result?.notes).toEqual([expect.stringContaining('is off now')]);
    driver.faults.add({ at: 'create: define the machine', breakWith: `refused: ${userData}` });
    const failed = await bench.carryOut(bench.create('quoted', { cloudInit: { userData } }));
    expect(failed.status).toBe('failed');
    driver.faults.clear();
    const kept = await bench.carryOut(bench.command('vm.delete', created.operationId, { disks: 'keep' }));
    expect(kept.result?.notes?.join()).toContain('/fake/disks/');
    expect(JSON.stringify(bench.events)).not.toContain('correct-horse-battery');
  });

  describe('that change a VM', () => {
    const parts = async () => {
      const { driver } = await bench.startAgent();
      const made = bench.create('whole', { disks: [{ sizeGiB: 1 }, { sizeGiB: 1 }] });
      await bench.carryOut(made);
      const change = (fields: object) => bench.carryOut(bench.command('vm.reconfigure', made.operationId, fields));
      const askFor = (verb: Verb, fields: object) => bench.carryOut(bench.command(verb, made.operationId, fields));
      return { driver, change, askFor, disks: (await bench.record(made.operationId))!.disks };
    };

    it('come about as a whole or not at all', async () => {
      const { driver, change } = await parts();
      driver.faults.add({
        at: 'reconfigure: change the hardware',
        moment: 'after',
        times: 1,
        failWith: 'host-rejected',
      });
      const operation = await change({ name: 'half', cpus: 4 });
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'host-rejected' } });
      expect(operation.result?.applied).toBeUndefined();
      expect(driver.host.machines()).toMatchObject([{ name: 'whole', cpus: 1 }]);
    });

    it('say what stays changed of one that failed where there is no way back', async () => {
      const { driver, askFor, disks } = await parts();
      const [{ device, path }] = disks as [(typeof disks)[number]];
      driver.faults.add({ at: `reconfigure: grow ${path}`, moment: 'after', failWith: 'host-rejected' });
      const operation = await askFor('vm.disk-grow', { device, sizeGiB: 5 });
      expect(operation).toMatchObject({
        status: 'failed',
        result: { applied: [{ pointer: '/disks/0/sizeGiB', from: 1, to: 5 }] },
      });
    });

    it('say with their values what waits for the power-off', async () => {
      const { change, driver } = await parts();
      driver.host.powerOn(driver.host.machines()[0]!.nativeId);
      const { result } = await change({ cpus: 3 });
      expect(result).toEqual({ pendingChanges: [{ pointer: '/cpus', from: 1, to: 3 }] });
    });

    it('are given up when they take longer than their author would wait', async () => {
      const { driver } = await bench.startAgent();
      const made = bench.create('slow');
      await bench.carryOut(made);
      driver.faults.add({ at: 'start', hang: true });
      const operation = await bench.carryOut(bench.command('vm.start', made.operationId, { timeoutSeconds: 1 }));
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'timed-out' } });
    });
  });
});
