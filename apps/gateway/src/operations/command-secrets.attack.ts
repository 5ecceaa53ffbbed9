import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProblemError, type Operation, type Problem } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import type { FakeAgent } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';
import { OperationEntity } from './operation.entity.ts';

const password = 'hunter2-of-the-guest';
const network = 'wifi: key-of-the-house';
const cloudInit = { userData: `#cloud-config\npassword: ${password}`, networkConfig: network };

describe('somebody who reads what the gateway keeps of a new VM', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  beforeAll(async () => {
    house = await TestHouse.start();
    agent = await house.startAgent();
  });
  afterAll(() => house.stop());

  const rowOf = async (id: string) =>
    house.gateway.app.get(Database).repository(OperationEntity).findOneByOrFail({ id });
  const secretIn = (value: unknown) => [password, network].filter((secret) => JSON.stringify(value).includes(secret));

  it('finds its cloud-init data sealed while it is made, and nowhere once it is; the agent gets it whole', async () => {
    const gate = agent.hold('vm.create');
    const { body } = await house.call<Operation>('POST', '/vms', { host: 'kvm-a', name: 'guest', cloudInit });
    const during = await rowOf(body.id);
    expect(secretIn(during)).toEqual([]);
    expect(during.secrets).not.toBeNull();
    gate.release();
    const ended = await house.ask('GET', `/operations/${body.id}`);
    expect(secretIn(ended.body)).toEqual([]);
    const waited = await house.ask('POST', '/vms', { host: 'kvm-a', name: 'another', cloudInit });
    expect(waited.body.status).toBe('succeeded');
    expect(agent.inputs.at(-1)).toMatchObject({ name: 'another', cloudInit });
    const after = await rowOf(waited.body.id);
    expect(after.secrets).toBeNull();
    expect(secretIn(after)).toEqual([]);
    expect(secretIn((await house.call('GET', '/audit?limit=200')).body)).toEqual([]);
    expect(secretIn((await house.call('GET', '/operations')).body)).toEqual([]);
  });

  it('finds it gone after a failure too; to try again takes it anew', async () => {
    agent.failures.set('vm.create', new ProblemError('host-rejected', 'No.'));
    const failed = await house.ask('POST', '/vms', { host: 'kvm-a', name: 'failing', cloudInit });
    agent.relax();
    expect(failed.body.status).toBe('failed');
    expect((await rowOf(failed.body.id)).secrets).toBeNull();
    const retried = await house.call<Problem>('POST', `/operations/${failed.body.id}/retry`);
    expect(retried.body).toMatchObject({
      code: 'wrong-state',
      errors: [{ pointer: '/cloudInit/userData' }, { pointer: '/cloudInit/networkConfig' }],
    });
    expect(retried.body.detail).toContain('cloudInit.userData');
  });

  it('finds it in no problem that a bad request is answered with', async () => {
    const bad = await house.call('POST', '/vms', {
      host: 'kvm-a',
      name: '',
      cloudInit: { ...cloudInit, more: password },
    });
    expect(bad.status).toBe(400);
    expect(secretIn(bad.body)).toEqual([]);
  });
});
