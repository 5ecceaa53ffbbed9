import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { Host, Operation, Page } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';

describe('somebody who was shown the door', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  beforeAll(async () => {
    house = await TestHouse.start();
    agent = await house.startAgent();
    await eventually(async () => expect((await house.call<Host>('GET', '/hosts/kvm-a')).body.state).toBe('ready'));
  });
  afterAll(() => house.stop());

  it.each(['disabled', 'demoted', 'deleted'])('has nothing more done by a batch of before once %s', async (fate) => {
    const ids = [1, 2, 3].map((n) => `kvm-a~${fate}-${n}`);
    for (const id of ids) {
      await agent.show(id.split('~')[1]!);
      await eventually(async () => expect((await house.call('GET', `/vms/${id}`)).status).toBe(200));
    }
    const { id: userId, token } = await house.gateway.signUp('operator');
    const gate = agent.hold('vm.start');
    const batch = await house.gateway.call<Operation>('POST', '/api/v1/vms/batch', {
      token,
      body: { ids, action: 'start', maxParallel: 1 },
    });
    const parts = async () =>
      (await house.call<Page<Operation>>('GET', `/operations?parent=${batch.body.id}`)).body.items;
    await eventually(async () => expect((await parts()).map(({ status }) => status)).toEqual(['running']));
    const changes = { disabled: { disabled: true }, demoted: { role: 'viewer' } }[fate];
    await (changes ? house.call('PATCH', `/users/${userId}`, changes) : house.call('DELETE', `/users/${userId}`));
    gate.release();
    await eventually(async () => {
      const { body } = await house.call<Operation>('GET', `/operations/${batch.body.id}`);
      expect(body.result).toMatchObject({ succeeded: 1, failed: 2 });
    });
    expect((await parts()).map(({ status, error }) => `${status} ${error?.code ?? ''}`).sort()).toEqual([
      'failed forbidden',
      'failed forbidden',
      'succeeded ',
    ]);
    agent.relax();
  });
});
