import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readEvents } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { ProblemError, type Host, type Operation, type Page, type Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';

describe('a batch', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let count = 0;
  let ids: string[] = [];

  beforeAll(async () => {
    house = await TestHouse.start();
    agent = await house.startAgent();
    await eventually(async () => {
      expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready');
    });
  });
  afterAll(() => house.stop());

  afterEach(() => agent.relax());
  beforeEach(async () => {
    ids = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const nativeId = `b-${++count}`;
        await agent.show(nativeId);
        return `kvm-a~${nativeId}`;
      }),
    );
    for (const id of ids)
      await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
  });

  const parts = async (id: string) =>
    (await house.call<Page<Operation>>('GET', `/operations?parent=${id}&limit=100`)).body.items;

  it('asks the same of each VM, as parts of one operation', async () => {
    const { status, body } = await house.ask('POST', '/vms/batch', { ids, action: 'start', maxParallel: 2 });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      verb: 'batch',
      status: 'succeeded',
      changed: true,
      result: { succeeded: 6, failed: 0, skipped: 0 },
    });
    const children = await parts(body.id);
    expect(children.map(({ vmId }) => vmId).sort()).toEqual([...ids].sort());
    expect(
      children.every(({ verb, status, parent }) => `${verb} ${status} ${parent}` === `vm.start succeeded ${body.id}`),
    ).toBe(true);
    expect([...children.map(({ id }) => id)].sort()).toEqual([...body.result!.operations!].sort());
  });

  it('is told of as running from its first event on', async () => {
    const { body } = await house.ask('POST', '/vms/batch', { ids: ids.slice(0, 2), action: 'start' });
    const admin = await house.connect('admin');
    const { state } = await admin.manager.streams.info('POLYVIRT_EVENTS');
    const enough = new AbortController();
    const told: string[] = [];
    for await (const { sequence, event } of readEvents(admin, { fromSequence: 1, signal: enough.signal })) {
      const { operation } = event.data as { operation?: Operation };
      if (operation && event.subject === body.id) told.push(`${event.type} ${operation.status}`);
      if (operation?.status === 'running') expect(operation.startedAt).toBeDefined();
      if (sequence === state.last_seq) enough.abort();
    }
    expect(told[0]).toBe('operation.started running');
    expect(told.at(-1)).toBe('operation.succeeded succeeded');
    expect(told.filter((one) => one.includes('pending'))).toEqual([]);
  });

  it('takes a filter, fixed when it is asked', async () => {
    await Promise.all(ids.slice(0, 3).map((id) => house.call('PATCH', `/vms/${id}`, { labels: { wave: '1' } })));
    const filter = { label: 'wave=1', state: 'stopped' };
    const { body } = await house.ask('POST', '/vms/batch', { filter, action: 'start' });
    expect(body).toMatchObject({ status: 'succeeded', result: { succeeded: 3 } });
    const none = await house.ask('POST', '/vms/batch', { filter, action: 'start' });
    expect(none.body).toMatchObject({ status: 'succeeded', changed: false, result: { operations: [], succeeded: 0 } });
  });

  it('counts a VM that cannot be asked as failed, with its reason, and retries just those', async () => {
    const missing = 'kvm-a~missing';
    await agent.show(ids[0]!.split('~')[1]!, { state: 'paused' });
    await eventually(async () => expect((await house.vm(ids[0]!)).state).toBe('paused'));
    const { body } = await house.ask('POST', '/vms/batch', { ids: [...ids, missing], action: 'start' });
    expect(body).toMatchObject({ status: 'failed', result: { succeeded: 5, failed: 2, skipped: 0 } });
    expect(body.error?.detail).toMatch(/^2 of 7 VMs failed\. The first was /);
    const failed = (await parts(body.id)).filter(({ status }) => status === 'failed');
    expect(failed.map(({ error }) => error?.code).sort()).toEqual(['vm-not-found', 'wrong-state']);
    await agent.show(ids[0]!.split('~')[1]!, { state: 'stopped' });
    await eventually(async () => expect((await house.vm(ids[0]!)).state).toBe('stopped'));
    const retried = await house.ask('POST', `/operations/${body.id}/retry`);
    expect(retried.body).toMatchObject({ retryOf: body.id, result: { succeeded: 1, failed: 1, skipped: 0 } });
  });

  it('stops at a failure when it is to', async () => {
    agent.failures.set('vm.start', new ProblemError('host-rejected', 'No.'));
    const order = { ids, action: 'start', maxParallel: 1, onError: 'stop' };
    const { body } = await house.ask('POST', '/vms/batch', order);
    expect(body).toMatchObject({ status: 'failed', result: { succeeded: 0, failed: 1, skipped: 5 } });
    expect(await parts(body.id)).toHaveLength(1);
  });

  it('is cancelled with the parts that run', async () => {
    const gate = agent.hold('vm.start');
    const { body } = await house.call<Operation>('POST', '/vms/batch', { ids, action: 'start', maxParallel: 2 });
    await eventually(async () =>
      expect((await parts(body.id)).filter(({ status }) => status === 'running')).toHaveLength(2),
    );
    const cancelled = await house.ask('POST', `/operations/${body.id}/cancel`);
    expect(cancelled.body).toMatchObject({ status: 'cancelled', result: { succeeded: 0, failed: 2, skipped: 4 } });
    gate.release();
    const again = await house.call<Problem>('POST', `/operations/${body.id}/cancel`);
    expect(again.body.code).toBe('wrong-state');
  });

  it('is carried on by another gateway when its own is gone, and asks of no VM twice', async () => {
    await house.withGateway(async (second) => {
      const gate = agent.hold('vm.start');
      const { body } = (await second.call('POST', '/api/v1/vms/batch', {
        token: house.token,
        body: { ids, action: 'start', maxParallel: 2 },
      })) as { body: Operation };
      await eventually(async () => expect(await parts(body.id)).toHaveLength(2));
      await second.stop();
      const before = agent.done.length;
      gate.release();
      agent.gates.clear();
      await eventually(async () => {
        const { body: now } = await house.call<Operation>('GET', `/operations/${body.id}`);
        expect(now).toMatchObject({ status: 'succeeded', result: { succeeded: 6, failed: 0, skipped: 0 } });
      });
      expect(agent.done.length - before).toBe(6);
    });
  });
});
