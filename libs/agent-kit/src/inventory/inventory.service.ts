import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ask, openBucket, type Bucket } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { buckets, HostRecord, keys, readVm } from '@polyvirt/contracts';
import { FakeHost } from '@polyvirt/hypervisor';
import { AgentBench, host } from '../testing/agent-bench.ts';

describe('the inventory', () => {
  let bench: AgentBench;
  let fake: FakeHost;
  let hosts: Bucket<HostRecord>;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
    hosts = openBucket(bench.gateway, buckets.hosts, HostRecord);
    // Addresses that come up later would be news of their own.
    fake = new FakeHost({ bootMs: 0 });
  });
  afterEach(async () => {
    await bench.close();
    fake.close();
  });

  const typesOf = (nativeId: string) => bench.vmEvents(nativeId).map(({ type }) => type);
  /** Waits for the keys, and until all that was published before them has been read. */
  const hasKeys = async (count: number) => {
    await eventually(async () => expect(await bench.inventory.entries(keys.vmsOf(host))).toHaveLength(count));
    await bench.caughtUp();
  };

  it('adopts what is there when the agent starts, and tells nothing twice at the next start', async () => {
    fake.populate(40);
    const { agent } = await bench.startAgent({ host: fake });
    await hasKeys(40);
    await agent.stop();
    await bench.caughtUp();
    expect(bench.types().filter((type) => type === 'vm.created')).toHaveLength(40);
    expect(bench.types().filter((type) => type === 'vm.started')).toHaveLength(20);
    const told = bench.events.length;
    const records = await bench.inventory.entries(keys.vmsOf(host));
    const again = await bench.startAgent({ host: fake });
    await again.agent.inventory.reconcile();
    await again.agent.stop();
    await bench.caughtUp();
    // That an agent stops is all there was to tell.
    expect(bench.types().slice(told)).toEqual(['host.draining']);
    expect(await bench.inventory.entries(keys.vmsOf(host))).toEqual(records);
  });

  it('tells what another tool does as soon as the watch says so, without a listing, as nobody of ours', async () => {
    fake.populate(2);
    const { driver } = await bench.startAgent({ host: fake });
    await hasKeys(2);
    // Nothing but the watch can find it out from here on.
    driver.faults.add({ at: 'list', failWith: 'unavailable' });
    const id = 'vm-00002';
    const tells = async (act: () => void, type: string) => {
      act();
      await eventually(() => expect(typesOf(id).at(-1)).toBe(type));
    };
    await tells(() => fake.powerOn(id), 'vm.started');
    await tells(() => fake.freeze(id), 'vm.paused');
    await tells(() => fake.thaw(id), 'vm.resumed');
    await tells(() => fake.powerOff(id), 'vm.stopped');
    await tells(() => fake.rename(id, 'by "hand" 🚀'), 'vm.renamed');
    await tells(() => fake.edit('edit', id, (machine) => (machine.cpus = 7)), 'vm.reconfigured');
    await tells(() => fake.undefine(id), 'vm.deleted');
    const renamed = bench.vmEvents(id).find(({ type }) => type === 'vm.renamed')!;
    expect(renamed.data).toMatchObject({ previousName: 'vm-00002', vm: { name: 'by "hand" 🚀' } });
    expect(renamed.data.operationId).toBeUndefined();
    await hasKeys(1);
  });

  it('finds by the beat what the watch has missed', async () => {
    fake.populate(2);
    await bench.startAgent({ host: fake, without: { watch: 'It is silent.' } }, { times: { reconcileEveryMs: 50 } });
    await hasKeys(2);
    fake.powerOff('vm-00001');
    fake.undefine('vm-00002');
    await eventually(() => expect(typesOf('vm-00001').at(-1)).toBe('vm.stopped'));
    await eventually(() => expect(typesOf('vm-00002').at(-1)).toBe('vm.deleted'));
  });

  it('makes one look of a burst', async () => {
    fake.populate(1);
    const { driver } = await bench.startAgent({ host: fake });
    await hasKeys(1);
    let looks = 0;
    const get = driver.get.bind(driver);
    driver.get = (nativeId, signal) => {
      looks += 1;
      return get(nativeId, signal);
    };
    for (let cpus = 1; cpus <= 50; cpus += 1) fake.edit('edit', 'vm-00001', (machine) => (machine.cpus = cpus));
    await eventually(async () => expect(await bench.record('vm-00001')).toMatchObject({ cpus: 50 }));
    await bench.caughtUp();
    expect(looks).toBeLessThanOrEqual(3);
    expect(typesOf('vm-00001').filter((type) => type === 'vm.reconfigured').length).toBeLessThanOrEqual(2);
  });

  it('puts the key after the event, and nothing when nothing but the time has changed', async () => {
    fake.populate(2);
    const { agent } = await bench.startAgent({ host: fake });
    await hasKeys(2);
    const id = 'vm-00002';
    const before = await bench.inventory.get(keys.vm(host, id));
    const seen = await agent.inventory.look(id);
    await agent.inventory.reconcile();
    expect(seen.revision).toBe(before?.revision);
    expect(await bench.inventory.get(keys.vm(host, id))).toEqual(before);
    fake.rename(id, 'renamed');
    await eventually(async () => expect(await bench.record(id)).toMatchObject({ name: 'renamed' }));
    await bench.caughtUp();
    expect(typesOf(id)).toEqual(['vm.created', 'vm.renamed']);
  });

  it('does not take an old list for news', async () => {
    fake.populate(1);
    const { agent, driver } = await bench.startAgent({ host: fake, without: { watch: 'It is silent.' } });
    await hasKeys(1);
    const list = driver.list.bind(driver);
    driver.list = async (signal) => {
      const old = await list(signal);
      // While the list is on its way the VM is stopped, and somebody looks at it.
      fake.powerOff('vm-00001');
      await agent.inventory.look('vm-00001');
      return old;
    };
    await agent.inventory.reconcile();
    expect(await bench.record('vm-00001')).toMatchObject({ state: 'stopped' });
    await eventually(() => expect(typesOf('vm-00001')).toEqual(['vm.created', 'vm.started', 'vm.stopped']));
  });

  it('brings no VM back that was deleted while a list was on its way', async () => {
    fake.populate(3);
    const { agent, driver } = await bench.startAgent({ host: fake, without: { watch: 'It is silent.' } });
    await hasKeys(3);
    const list = driver.list.bind(driver);
    driver.list = async (signal) => {
      const old = await list(signal);
      fake.undefine('vm-00001');
      await agent.inventory.look('vm-00001');
      // Looked at twice: also when nothing is known of it any more.
      fake.undefine('vm-00002');
      await agent.inventory.look('vm-00002');
      await agent.inventory.look('vm-00002');
      // Made and gone again, and the list has never seen it.
      fake.define({ ...structuredClone(fake.find('vm-00003')!), nativeId: 'short', name: 'short' });
      await agent.inventory.look('short');
      fake.undefine('short');
      await agent.inventory.look('short');
      return old;
    };
    await agent.inventory.reconcile();
    await bench.caughtUp();
    for (const id of ['vm-00001', 'vm-00002', 'short']) {
      expect(typesOf(id).filter((type) => type === 'vm.created')).toHaveLength(1);
      expect(typesOf(id).at(-1)).toBe('vm.deleted');
      expect(await bench.record(id)).toBeUndefined();
    }
    expect(await bench.record('vm-00003')).toBeDefined();
  });

  it('gives a VM that comes again under the same id events of its own', async () => {
    fake.populate(1);
    const machine = structuredClone(fake.find('vm-00001')!);
    await bench.startAgent({ host: fake });
    await hasKeys(1);
    fake.undefine('vm-00001');
    await hasKeys(0);
    fake.define(machine);
    await hasKeys(1);
    await eventually(() =>
      expect(typesOf('vm-00001')).toEqual(['vm.created', 'vm.started', 'vm.deleted', 'vm.created', 'vm.started']),
    );
  });

  it('keeps what it knows while the host cannot be asked', async () => {
    fake.populate(3);
    const { agent, driver } = await bench.startAgent({ host: fake });
    await hasKeys(3);
    driver.faults.add({ at: 'list', failWith: 'unavailable' });
    await expect(agent.inventory.reconcile()).rejects.toMatchObject({ code: 'unavailable' });
    await hasKeys(3);
  });

  it('answers vm-get with what is now, and renews the record', async () => {
    fake.populate(1);
    await bench.startAgent({ host: fake, without: { watch: 'It is silent.' } });
    await hasKeys(1);
    fake.powerOff('vm-00001');
    const { vm, revision } = await ask(bench.gateway, readVm, host, { nativeId: 'vm-00001' });
    expect(vm.state).toBe('stopped');
    const entry = await bench.inventory.get(keys.vm(host, 'vm-00001'));
    expect(entry).toMatchObject({ revision, value: { state: 'stopped' } });
    await expect(ask(bench.gateway, readVm, host, { nativeId: 'nope' })).rejects.toMatchObject({
      code: 'vm-not-found',
    });
  });

  it('keeps the last record of a VM that cannot be read, says why to the operator, and goes on with all others', async () => {
    fake.populate(3);
    const { agent } = await bench.startAgent({ host: fake });
    await hasKeys(3);
    const before = (await bench.record('vm-00001'))!;
    const unreadable = 'Its file is cut off. Repair it.';
    fake.edit('spoil', 'vm-00001', (machine) => (machine.unreadable = unreadable));
    const never = structuredClone(fake.find('vm-00003')!);
    fake.define({ ...never, nativeId: 'never', name: 'never read', unreadable });
    fake.powerOn('vm-00002');
    await agent.inventory.reconcile();
    expect(await bench.record('vm-00001')).toEqual({ ...before, unreadable });
    const stub = await bench.record('never');
    expect(stub).toMatchObject({ name: 'never read', state: 'unknown', disks: [], nics: [], unreadable });
    expect(stub).not.toHaveProperty('cpus');
    expect(await bench.record('vm-00002')).toMatchObject({ state: 'running' });
    const { vm } = await ask(bench.gateway, readVm, host, { nativeId: 'vm-00001' });
    expect(vm).toEqual({ ...before, unreadable });
    await eventually(async () =>
      expect((await hosts.get(keys.host(host)))?.value).toMatchObject({
        health: { status: 'healthy' },
        notes: expect.arrayContaining([expect.stringMatching(/^2 VMs cannot be read: .*vm-00001: Its file/)]),
      }),
    );
    for (const id of ['vm-00001', 'never']) fake.edit('mend', id, (machine) => void delete machine.unreadable);
    await agent.inventory.reconcile();
    expect(await bench.record('vm-00001')).not.toHaveProperty('unreadable');
    expect(await bench.record('never')).toMatchObject({ state: never.state, cpus: never.cpus });
  });

  it('lets no VM of which the driver says nonsense stop the others', async () => {
    fake.populate(3);
    const { agent } = await bench.startAgent({ host: fake });
    await hasKeys(3);
    fake.edit('edit', 'vm-00001', (machine) => (machine.memoryMiB = Number.NaN));
    fake.powerOn('vm-00002');
    await agent.inventory.reconcile();
    expect(await bench.record('vm-00001')).toMatchObject({ unreadable: expect.stringContaining('no sense') });
    expect(await bench.record('vm-00002')).toMatchObject({ state: 'running' });
  });
});
