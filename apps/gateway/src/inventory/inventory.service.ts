import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Bucket, type BucketChange } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { parseVmId, type Host, type Page, type Vm } from '@polyvirt/contracts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

describe('an inventory whose watch is late', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let late: PromiseWithResolvers<void> | undefined;

  beforeAll(async () => {
    const watch = Bucket.prototype.watch as Bucket<unknown>['watch'];
    jest.spyOn(Bucket.prototype, 'watch').mockImplementation(async function* (
      this: Bucket<unknown>,
      ...args
    ): AsyncGenerator<BucketChange<unknown>, void> {
      for await (const change of watch.apply(this, args)) {
        if (this.name === 'polyvirt_inventory') await late?.promise;
        yield change;
      }
    });
    house = await TestHouse.start();
    agent = await house.startAgent();
    await eventually(async () => expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready'));
  });
  afterAll(async () => {
    late?.resolve();
    await house.stop();
    jest.restoreAllMocks();
  });

  const body = { host: 'kvm-a', name: 'new', cpus: 1, memoryMiB: 256, disks: [{ sizeGiB: 1 }] };
  const named = async (name: string) => (await house.call<Page<Vm>>('GET', `/vms?name=${name}`)).body.items;

  it('shows what an operation did when it has succeeded, and keeps it when the watch has come', async () => {
    late = Promise.withResolvers();
    const { body: created } = await house.ask('POST', '/vms', body);
    const id = created.vmId!;
    expect(await house.vm(id)).toMatchObject({ id, name: 'new', state: 'stopped' });
    await house.ask('POST', `/vms/${id}/start`);
    expect(await house.vm(id)).toMatchObject({ state: 'running' });
    expect(await named('new')).toMatchObject([{ id, state: 'running' }]);

    late.resolve();
    late = undefined;
    const last = await agent.show('other');
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-a~other')).status).toBe(200));
    expect((await house.vm(id)).revision).toBeLessThan(last);
    expect(await house.vm(id)).toMatchObject({ state: 'running' });
  });

  it('no longer shows a VM whose deletion has succeeded', async () => {
    const { body: created } = await house.ask('POST', '/vms', { ...body, name: 'short' });
    const id = created.vmId!;
    await eventually(async () => expect(await named('short')).toHaveLength(1));
    late = Promise.withResolvers();
    await house.ask('POST', `/vms/${id}/stop`, { force: true });
    await house.ask('DELETE', `/vms/${id}`);
    expect(await named('short')).toEqual([]);

    late.resolve();
    late = undefined;
    const { nativeId } = parseVmId(id);
    await agent.show('last');
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-a~last')).status).toBe(200));
    expect((await house.call('GET', `/vms/kvm-a~${nativeId}`)).status).toBe(404);
  });
});
