import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import {
  commands,
  defineCommand,
  ProblemError,
  type CommandDefinition,
  type Operation,
  type Plan,
} from '@polyvirt/contracts';
import { z } from 'zod';
import type { FakeAgent } from '../testing/fake-agent.ts';
import type { TestHouse } from '../testing/test-house.ts';

/** All that there is to say of it on this side of the bus: `docs/checklists/new-command.md`. */
const blinkVm = defineCommand({
  verb: 'vm.blink',
  summary: 'Blink with the light of a VM.',
  route: 'POST /vms/{vmId}/lights/{light}/blink',
  permission: 'vm:power',
  locks: ['vm'],
  input: { light: z.string().max(8), times: z.int().min(1).max(9).default(1) },
  outline: ({ times }) => ({ changes: [{ pointer: '/blinks', to: times, when: 'now' }] }),
  asksHost: true,
  limitSeconds: 60,
  problems: ['vm-not-found'],
});

describe('a new command', () => {
  let house: TestHouse;
  let agent: FakeAgent;
  const path = '/vms/kvm-a~one/lights/red/blink';
  const waiting = { prefer: 'wait=60' };

  beforeAll(async () => {
    (commands as unknown as CommandDefinition[]).push(blinkVm);
    // What is derived is derived when it is loaded.
    const { TestHouse: House } = await import('../testing/test-house.ts');
    house = await House.start({ hosts: ['kvm-a'] });
    agent = await house.startAgent('kvm-a');
    await agent.show('one');
    await eventually(async () => expect((await house.call('GET', '/vms/kvm-a~one')).status).toBe(200));
  });
  afterAll(() => house.stop());

  it('has a route, whose path is part of its input', async () => {
    const { status, body } = await house.call<Operation>('POST', path, { times: 3 }, waiting);
    expect({ status, body }).toMatchObject({ status: 200, body: { verb: 'vm.blink', status: 'succeeded' } });
    expect(agent.inputs.at(-1)).toEqual({ light: 'red', times: 3 });
  });

  it.each([
    [path, { times: 10 }, '/times'],
    [path, { blinks: 1 }, '/blinks'],
    ['/vms/kvm-a~one/lights/ultraviolet/blink', {}, 'light'],
    [`${path}?fast=true`, {}, 'fast'],
  ])('refuses what its schema does: %s %j', async (url, body, pointer) => {
    const answer = await house.call('POST', url, body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-input', errors: [{ pointer }] } });
  });

  it('has a plan, which is no operation and leaves no trace', async () => {
    const before = await house.call('GET', '/operations');
    const { status, body } = await house.call<Plan>('POST', `${path}?dryRun=true`, { times: 2 });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { changes: [{ pointer: '/blinks', to: 2, when: 'now' }], disruption: 'none', partial: false },
    });
    expect((await house.call('GET', '/operations')).body).toEqual(before.body);
  });

  it('is refused at once for what only its host knows', async () => {
    agent.foreseen.set('vm.blink', new ProblemError('host-rejected', 'The lamp is broken.'));
    const planned = await house.call('POST', `${path}?dryRun=true`);
    const asked = await house.call('POST', path);
    agent.foreseen.clear();
    expect([planned.status, asked.status]).toEqual([502, 502]);
    expect(asked.body).toMatchObject({ code: 'host-rejected', detail: 'The lamp is broken.' });
  });

  it('is in the batch, with its path among the parameters', async () => {
    const order = { ids: ['kvm-a~one'], action: 'blink', params: { light: 'red', times: 2 } };
    const { body } = await house.call<Operation>('POST', '/vms/batch', order, waiting);
    expect(body).toMatchObject({ status: 'succeeded' });
    expect(agent.inputs.at(-1)).toEqual({ light: 'red', times: 2 });
    const wrong = await house.call('POST', '/vms/batch', { ...order, params: { light: 'red', times: 0 } });
    expect(wrong.body).toMatchObject({ code: 'invalid-input', errors: [{ pointer: '/params/times' }] });
  });

  it('can be tried again', async () => {
    agent.failures.set('vm.blink', new ProblemError('host-rejected', 'The lamp fell off.'));
    const { body: failed } = await house.call<Operation>('POST', path, { times: 7 }, waiting);
    agent.failures.clear();
    expect(failed.status).toBe('failed');
    const { body } = await house.call<Operation>('POST', `/operations/${failed.id}/retry`, undefined, waiting);
    expect(body).toMatchObject({ verb: 'vm.blink', status: 'succeeded', retryOf: failed.id });
    expect(agent.inputs.at(-1)).toEqual({ light: 'red', times: 7 });
  });

  it('needs its permission, and is in the audit under its verb', async () => {
    const viewer = await house.gateway.as('viewer');
    const { status } = await house.gateway.call('POST', `/api/v1${path}`, { token: viewer, body: {} });
    expect(status).toBe(403);
    const { items } = (await house.call<{ items: object[] }>('GET', '/audit?limit=500')).body;
    expect(items).toContainEqual(expect.objectContaining({ action: 'vm.blink', outcome: 'succeeded' }));
    expect(items).toContainEqual(
      expect.objectContaining({ action: 'vm.blink', outcome: 'refused', code: 'forbidden' }),
    );
  });

  it('is documented under the name that clients call it by', async () => {
    const { createApiDocument } = await import('../openapi/document.ts');
    const { paths } = createApiDocument(house.gateway.app);
    const { post } = paths['/api/v1/vms/{vmId}/lights/{light}/blink'] as { post: object };
    expect(post).toMatchObject({
      operationId: 'blinkVm',
      'x-permission': 'vm:power',
      requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/BlinkVmInput' } } } },
    });
  });
});
