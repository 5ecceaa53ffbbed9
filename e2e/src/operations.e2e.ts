import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { requireSuccess, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { createVm, deleteVm, editVm, operationWhen, patienceMs, power, readVm, waiting } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'fake-a';
const story = storiesOn({
  agents: [
    { kind: 'fake', id: host },
    { kind: 'fake', id: 'fake-b' },
  ],
});

const disks = [{ sizeGiB: 1 }];

const cancel = (client: Client, operationId: string) =>
  client.POST('/api/v1/operations/{operationId}/cancel', { params: { path: { operationId }, header: waiting } });

/** Machines and disks of a fake host, by name. */
function belongings(stack: Stack, id: string): { machines: string[]; volumes: number } {
  const fake = stack.fakeHost(id);
  try {
    return { machines: fake.machines().map(({ name }) => name), volumes: fake.volumes().length };
  } finally {
    fake.close();
  }
}

story('cancels an operation, takes back what it made, and does it when asked again', async (stack) => {
  const { admin } = stack;
  const before = belongings(stack, host);
  await stack.fail(host, { at: 'create: define the machine', hang: true, times: 1 });
  const { data: asked } = await admin.POST('/api/v1/vms', {
    body: { host, name: 'halfway', disks, labels: { a: 'b' } },
  });
  await operationWhen(admin, asked.id, ({ steps }) => steps.some(({ name }) => name === 'define the machine'));
  const { data: cancelled } = await cancel(admin, asked.id);
  expect(cancelled.status).toBe('cancelled');
  expect(cancelled.steps.some(({ status }) => status === 'undone')).toBe(true);
  expect(belongings(stack, host)).toEqual(before);
  await expect(cancel(admin, asked.id)).rejects.toMatchObject({ code: 'wrong-state' });

  const { data: retried } = await admin.POST('/api/v1/operations/{operationId}/retry', {
    params: { path: { operationId: asked.id }, header: waiting },
  });
  expect(requireSuccess(retried)).toMatchObject({ retryOf: asked.id, verb: 'vm.create' });
  expect(await readVm(admin, retried.vmId!)).toMatchObject({ name: 'halfway', labels: { a: 'b' } });
});

story('says in its steps what it took back when it fails half-way', async (stack) => {
  const { admin } = stack;
  const before = belongings(stack, host);
  await stack.fail(host, { at: 'create: define the machine', failWith: 'insufficient-capacity', times: 1 });
  const { data: failed, response } = await admin.POST('/api/v1/vms', {
    body: { host, name: 'too much', disks },
    params: { header: waiting },
  });
  expect([response.status, failed.status, failed.error?.code]).toEqual([200, 'failed', 'insufficient-capacity']);
  expect(failed.error?.operationId).toBe(failed.id);
  expect(failed.steps.map(({ status }) => status)).toEqual(['succeeded', 'undone', 'failed']);
  expect(belongings(stack, host)).toEqual(before);
});

story('gives one operation for one idempotency key, however often and however much at once', async (stack) => {
  const { admin } = stack;
  const key = randomUUID();
  const ask = (name: string) =>
    admin.POST('/api/v1/vms', { body: { host, name }, params: { header: { 'Idempotency-Key': key } } });
  const answers = await Promise.allSettled(Array.from({ length: 8 }, () => ask('only one')));
  const ids = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.data.id] : []));
  expect(new Set(ids).size).toBe(1);
  const again = await ask('only one');
  expect(again.data.id).toBe(ids[0]);
  expect(again.response.headers.get('idempotency-replayed')).toBe('true');
  await expect(ask('another')).rejects.toMatchObject({ code: 'idempotency-key-reused' });
  await operationWhen(admin, ids[0]!, ({ status }) => status === 'succeeded');
  expect(belongings(stack, host).machines.filter((name) => name === 'only one')).toEqual(['only one']);
});

story('lets one operation run on a machine, and names it to whoever comes second', async (stack) => {
  const { admin } = stack;
  const { id: vmId } = await createVm(admin, { host, name: 'busy' });
  await stack.fail(host, { at: 'start', hang: true, times: 1 });
  const { data: first } = await admin.POST('/api/v1/vms/{vmId}/start', { params: { path: { vmId } } });
  await expect(power(admin, vmId, 'stop')).rejects.toMatchObject({
    code: 'vm-busy',
    retryable: true,
    problem: { operationId: first.id },
  });
  expect((await readVm(admin, vmId)).operation).toBe(first.id);
  await cancel(admin, first.id);
  expect((await readVm(admin, vmId)).operation).toBeUndefined();
  expect(await power(admin, vmId, 'start')).toMatchObject({ changed: true });
  expect(await power(admin, vmId, 'start')).toMatchObject({ changed: false });
});

story('lets one of two have a name', async (stack) => {
  const { admin } = stack;
  const answers = await Promise.allSettled(
    ['Twin', 'twin', 'TWIN'].map((name) =>
      admin.POST('/api/v1/vms', { body: { host, name, disks }, params: { header: waiting } }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  for (const answer of answers)
    if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'name-taken' });
});

story('keeps a protected machine until it is not', async ({ admin }) => {
  const { id } = await createVm(admin, { host, name: 'precious', protected: true });
  await expect(deleteVm(admin, id)).rejects.toMatchObject({ code: 'vm-protected' });
  await editVm(admin, id, { protected: false });
  await deleteVm(admin, id);
});

story('keeps an operation for a host that is away, for as long as it was told to', async (stack) => {
  const { admin } = stack;
  const away = 'fake-b';
  const make = (name: string) => createVm(admin, { host: away, name, disks });
  const names = ['away one', 'away two', 'away three'];
  const [first, second, third] = await Promise.all(names.map((name) => make(name)));
  const started = (vmId: string, notAfterMs: number) => {
    const body = { whenOffline: 'queue' as const, notAfter: new Date(Date.now() + notAfterMs).toISOString() };
    return admin.POST('/api/v1/vms/{vmId}/start', { body, params: { path: { vmId } } });
  };
  await stack.kill(`agent-${away}`);
  await eventually(async () => {
    const { data } = await admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId: away } } });
    expect(data.state).toBe('offline');
  }, patienceMs);

  await expect(power(admin, first!.id, 'start')).rejects.toMatchObject({ code: 'host-offline', retryable: true });
  const { data: list } = await admin.GET('/api/v1/vms', { params: { query: { host: away, q: 'away ' } } });
  expect(list.items.map(({ name }) => name)).toEqual(['away one', 'away three', 'away two']);
  const { data: summary } = await admin.GET('/api/v1/stats/summary');
  expect(summary.hosts).toMatchObject({ total: 2, offline: 1 });

  const { data: late } = await started(second!.id, 5_000);
  const [{ data: kept }, { data: unwanted }] = await Promise.all([
    started(first!.id, 600_000),
    started(third!.id, 600_000),
  ]);
  expect([kept.status, late.status, unwanted.status]).toEqual(['pending', 'pending', 'pending']);
  expect((await cancel(admin, unwanted.id)).data.status).toBe('cancelled');
  const expired = await operationWhen(admin, late.id, ({ status }) => status === 'failed');
  expect(expired.error?.code).toBe('expired');

  await stack.launch(`agent-${away}`);
  await operationWhen(admin, kept.id, ({ status }) => status === 'succeeded');
  await stack.ready();
  const states = await Promise.all([first!, second!, third!].map(({ id }) => readVm(admin, id)));
  expect(states.map(({ state }) => state)).toEqual(['running', 'stopped', 'stopped']);
  const fake = stack.fakeHost(away);
  const starts = fake.acts.filter(({ act, target }) => act === 'power-on' && names.includes(target));
  fake.close();
  expect(starts.map(({ target }) => target)).toEqual([first!.name]);
});

story('lets an agent that is told to stop finish what it has begun, and begin nothing', async (stack) => {
  const { admin } = stack;
  const { id: vmId } = await createVm(admin, { host: 'fake-b', name: 'last' });
  const { id: other } = await createVm(admin, { host: 'fake-b', name: 'other' });
  await stack.fail('fake-b', { at: 'start', hold: true });
  const log = await stack.listen({ types: ['host.*'], hosts: ['fake-b'] });
  const { data: running } = await admin.POST('/api/v1/vms/{vmId}/start', { params: { path: { vmId } } });
  await operationWhen(admin, running.id, ({ status }) => status === 'running');
  const ending = stack.kill('agent-fake-b', 'SIGTERM');
  await log.first(({ type }) => type === 'host.draining');
  await expect(power(admin, other, 'start')).rejects.toMatchObject({ code: 'host-offline' });
  await stack.fail('fake-b');
  await ending;
  expect(stack.service('agent-fake-b').exitCode).toBe(0);
  expect((await operationWhen(admin, running.id, ({ endedAt }) => endedAt !== undefined)).status).toBe('succeeded');
  await stack.launch('agent-fake-b');
  await stack.ready();
  await power(admin, other, 'start');
});

story('refuses a second agent for one host, and says so', async (stack) => {
  const second = stack.twinOf(`agent-${host}`);
  await second.start();
  await expect(second.death()).rejects.toThrow('has ended');
  expect(second.exitCode).toBe(1);
  expect(await second.logTail(5)).toMatch(/another agent/i);
  await createVm(stack.admin, { host, name: 'still served' });
});
