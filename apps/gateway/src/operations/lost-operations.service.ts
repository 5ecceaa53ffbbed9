import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Bus, openBucket, readEvents } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { buckets, hostDraining, keys, type CloudEvent, type Host, type Operation } from '@polyvirt/contracts';
import { z } from 'zod';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';

describe('an operation that has begun', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  let count = 0;

  beforeAll(async () => {
    house = await TestHouse.start({ times: { lostLookMs: 20, lostAfterMs: 200 } });
    agent = await house.startAgent('kvm-a');
    await eventually(async () => expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready'));
  });
  afterAll(() => house.stop());
  afterEach(() => agent.relax());

  const journal = () => openBucket(house.gateway.app.get(Bus), buckets.journal, z.unknown());
  const operation = async (id: string) => (await house.call<Operation>('GET', `/operations/${id}`)).body;
  const ended = (id: string) =>
    eventually(async () => {
      const found = await operation(id);
      expect(found.endedAt).toBeDefined();
      return found;
    });
  /** Begun, and held at its agent until the gate is released. */
  const begun = async () => {
    const nativeId = `lost-${++count}`;
    await agent.show(nativeId);
    const gate = agent.hold('vm.start');
    await eventually(async () => expect((await house.call('GET', `/vms/kvm-a~${nativeId}`)).status).toBe(200));
    const { body } = await house.call<Operation>('POST', `/vms/kvm-a~${nativeId}/start`);
    await eventually(async () => expect((await operation(body.id)).status).toBe('running'));
    return { id: body.id, vmId: `kvm-a~${nativeId}`, gate };
  };
  /** Every event about it so far. */
  const told = async (id: string): Promise<CloudEvent[]> => {
    const mark = `mark-${++count}`;
    await agent.tell(hostDraining, mark, 'kvm-a', { host: 'kvm-a', incarnation: 'x' });
    const found: CloudEvent[] = [];
    const signal = AbortSignal.timeout(30_000);
    for await (const { event } of readEvents(house.gateway.app.get(Bus), { fromSequence: 0, signal })) {
      if (event.id === mark) return found;
      if (event.subject === id) found.push(event);
    }
    throw new Error('the events ended');
  };

  it('is ended in words when its agent is healthy and has not got it, and only once when the agent ends it late', async () => {
    const { id, vmId, gate } = await begun();
    agent.forget(id);
    expect(await ended(id)).toMatchObject({
      status: 'failed',
      error: {
        code: 'internal',
        operationId: id,
        detail: expect.stringMatching(
          /^The agent of kvm-a is back and no longer has this operation, which began at \S+Z: nobody goes on/,
        ),
      },
    });
    expect((await house.vm(vmId)).operation).toBeUndefined();
    expect((await journal().get(keys.journal('kvm-a', id)))?.value).toEqual({ ended: 'lost' });
    gate.release();
    await eventually(() => expect(agent.vms.get(vmId.slice('kvm-a~'.length))?.state).toBe('running'));
    agent.relax();
    // What comes after its late end, which the stream has refused by then.
    expect((await house.ask('POST', `/vms/${vmId}/stop`)).body.status).toBe('succeeded');
    expect((await told(id)).map(({ type }) => type)).toEqual(['operation.started', 'operation.failed']);
    expect((await operation(id)).status).toBe('failed');
  });

  it('ends as its agent had it when only the word of that was lost', async () => {
    const { id, gate } = await begun();
    const key = keys.journal('kvm-a', id);
    const written = (await journal().get(key))!;
    const outcome = { status: 'succeeded', endedAt: new Date().toISOString(), changed: false };
    await journal().update(
      key,
      { ...(written.value as object), phase: 'ended', outcome, told: true },
      written.revision,
    );
    agent.forget(id);
    expect(await ended(id)).toMatchObject(outcome);
    gate.release();
  });

  it('is ended by the next gateway when one was killed between its verdict and the event', async () => {
    const { id, gate } = await begun();
    const key = keys.journal('kvm-a', id);
    await journal().put(key, { ended: 'lost' });
    agent.forget(id);
    expect((await ended(id)).error?.code).toBe('internal');
    gate.release();
  });

  it('is left to its agent as long as that has it, however long that takes', async () => {
    const { id, gate } = await begun();
    const other = await begun();
    agent.forget(other.id);
    // The other one has been looked for all the while.
    expect((await ended(other.id)).status).toBe('failed');
    expect((await operation(id)).status).toBe('running');
    other.gate.release();
    gate.release();
    expect((await ended(id)).status).toBe('succeeded');
  });
});
