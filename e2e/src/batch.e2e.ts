import { expect } from '@jest/globals';
import type { Client, Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import type { EventLog } from './event-log.ts';
import { createVm, hostIsOffline, operationWhen, populate, readVm, waiting } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const [a, b, away] = ['fake-a', 'fake-b', 'fake-c'] as const;
const story = storiesOn({ agents: [a, b, away].map((id) => ({ kind: 'fake', id })) });

const ends = ['operation.succeeded', 'operation.failed', 'operation.cancelled'];
const isEnded = ({ endedAt }: Operation) => endedAt !== undefined;

const partsOf = async (client: Client, parent: string): Promise<Operation[]> =>
  (await client.GET('/api/v1/operations', { params: { query: { parent, limit: 500 } } })).data.items;

async function partsWhen(client: Client, parent: string, areWanted: (parts: Operation[]) => boolean): Promise<void> {
  await eventually(async () => {
    const parts = await partsOf(client, parent);
    if (!areWanted(parts)) throw new Error(`the parts are ${parts.map(({ status }) => status).join(', ')}`);
  });
}

/** What the stream has told of operations, oldest first. */
const told = ({ heard }: EventLog) =>
  heard.map(({ event: { type, data } }) => ({ type, ...(data as unknown as { operation: Operation }) }));

/** Every part has one end in the stream, and it is the one that the API shows. */
async function requireOneEndEach(log: EventLog, batch: Operation, parts: readonly Operation[]): Promise<void> {
  await log.first(({ type, subject }) => subject === batch.id && ends.includes(type));
  const parents = parts.flatMap(({ id }) => told(log).filter(({ operation }) => operation.id === id));
  for (const { operation } of parents) expect([operation.id, operation.parent]).toEqual([operation.id, batch.id]);
  for (const { id, status } of [batch, ...parts]) {
    const types = told(log).flatMap(({ type, operation }) =>
      operation.id === id && ends.includes(type) ? [type] : [],
    );
    expect([id, types]).toEqual([id, [`operation.${status}`]]);
  }
}

/** How many parts ended with each outcome. */
function outcomes(parts: readonly Operation[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, changed, error } of parts) {
    const outcome = error?.code ?? (status === 'succeeded' ? (changed ? 'changed' : 'unchanged') : status);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

function actsOn(stack: Stack, host: string, act: string): string[] {
  const fake = stack.fakeHost(host);
  try {
    return fake.acts.filter((one) => one.act === act).map(({ target }) => target);
  } finally {
    fake.close();
  }
}

story('asks the same of many machines on several hosts, and says of each how it went', async (stack) => {
  const { admin } = stack;
  const log = await stack.listen({ types: ['operation.*'] });
  const [onA, onB, onAway] = await Promise.all([a, b, away].map((host) => populate(stack, host, 12, 'many')));
  const [paused] = onA!;
  const fake = stack.fakeHost(a);
  fake.freeze(paused!.split('~')[1]!);
  fake.close();
  await stack.kill(`agent-${away}`);
  await hostIsOffline(admin, away);
  await stack.fail(b, { at: 'start', failWith: 'host-rejected', times: 2 });

  const missing = `${a}~missing`;
  const ids = [...onA!, missing, ...onB!, ...onAway!, onA![1]!];
  const { data: asked, response } = await admin.POST('/api/v1/vms/batch', {
    body: { ids, action: 'start', maxParallel: 5 },
  });
  expect([response.status, asked.verb, asked.status, asked.host]).toEqual([202, 'batch', 'pending', undefined]);
  expect(response.headers.get('location')).toBe(`/api/v1/operations/${asked.id}`);
  const batch = await operationWhen(admin, asked.id, isEnded);
  expect(batch).toMatchObject({ status: 'failed', progress: 100, changed: true, requestedBy: 'admin' });
  expect(batch.error?.detail).toMatch(/^\d+ of 37 VMs failed\. The first was fake-/);

  const parts = await partsOf(admin, asked.id);
  // The machine that was named twice is asked once.
  expect(parts.map(({ vmId }) => vmId).sort()).toEqual([...new Set(ids)].sort());
  const at = (host: string) => outcomes(parts.filter((part) => part.host === host));
  expect(at(a)).toEqual({ changed: 6, unchanged: 5, 'wrong-state': 1, 'vm-not-found': 1 });
  const { changed = 0, unchanged = 0, ...refused } = at(b);
  expect([changed + unchanged, refused]).toEqual([10, { 'host-rejected': 2 }]);
  expect(at(away)).toEqual({ 'host-offline': 12 });
  expect(batch.result).toMatchObject({ succeeded: 21, failed: 16, skipped: 0 });
  expect([...batch.result!.operations!].sort()).toEqual(parts.map(({ id }) => id).sort());
  for (const part of parts) expect(part).toMatchObject({ verb: 'vm.start', parent: batch.id, requestedBy: 'admin' });

  await requireOneEndEach(log, batch, parts);
  const progress = told(log).flatMap(({ operation }) => (operation.id === batch.id ? [operation.progress] : []));
  expect(progress).toEqual([...progress].sort((x, y) => x - y));
  expect(progress.filter((percent) => percent > 0 && percent < 100).length).toBeGreaterThan(1);

  await stack.launch(`agent-${away}`);
  await stack.ready();
  const { data: retried } = await admin.POST('/api/v1/operations/{operationId}/retry', {
    params: { path: { operationId: batch.id }, header: waiting },
  });
  expect(retried).toMatchObject({ retryOf: batch.id, status: 'failed', result: { succeeded: 14, failed: 2 } });
  expect(outcomes(await partsOf(admin, retried.id))).toMatchObject({ 'wrong-state': 1, 'vm-not-found': 1 });
  for (const id of [...onB!, ...onAway!]) expect(await readVm(admin, id)).toMatchObject({ id, state: 'running' });
});

story('ends every part once when the gateway is killed in the middle', async (stack) => {
  const { admin } = stack;
  const log = await stack.listen({ types: ['operation.*'] });
  const [onA, onB] = await Promise.all([a, b].map((host) => populate(stack, host, 12, 'killed')));
  const ids = onA!.flatMap((id, n) => [id, onB![n]!]);
  // More than may be asked at once: sooner or later nothing else is under way.
  const held = ['killed-00004', 'killed-00005'].map((on) => ({ at: 'start', on, hold: true }));
  for (const host of [a, b]) await stack.fail(host, ...held);
  const body = { filter: { q: 'killed-' }, action: 'start', maxParallel: 3 } as const;
  const { data: asked } = await admin.POST('/api/v1/vms/batch', { body });
  await partsWhen(admin, asked.id, (parts) => parts.filter(isEnded).length >= 6);
  await stack.kill('gateway');
  // What is under way at the hosts goes on meanwhile.
  await stack.fail(a);
  await stack.launch('gateway');
  await stack.ready();
  const { status, progress } = await operationWhen(admin, asked.id, () => true);
  expect([status, progress < 100]).toEqual(['running', true]);
  await stack.fail(b);
  const batch = await operationWhen(admin, asked.id, isEnded);
  expect(batch).toMatchObject({ status: 'succeeded', result: { succeeded: 24, failed: 0, skipped: 0 } });
  const parts = await partsOf(admin, asked.id);
  expect(parts.map(({ vmId }) => vmId).sort()).toEqual([...ids].sort());
  expect(outcomes(parts)).toEqual({ changed: 12, unchanged: 12 });
  await requireOneEndEach(log, batch, parts);
  for (const host of [a, b]) {
    const started = actsOn(stack, host, 'power-on').filter((name) => name.startsWith('killed-'));
    expect(started.sort()).toEqual([2, 4, 6, 8, 10, 12].map((n) => `killed-${String(n).padStart(5, '0')}`));
  }
});

story('begins nothing more when it is cancelled, and nothing behind the first failure when told so', async (stack) => {
  const { admin } = stack;
  const log = await stack.listen({ types: ['operation.*'] });
  const ids = await populate(stack, a, 8, 'stop');
  await stack.fail(a, { at: 'stop', hang: true });
  const off = { ids, action: 'stop', params: { force: true }, maxParallel: 2 } as const;
  const { data: asked } = await admin.POST('/api/v1/vms/batch', { body: off });
  await partsWhen(admin, asked.id, (parts) => parts.filter(({ status }) => status === 'running').length === 2);
  const { data: cancelled } = await admin.POST('/api/v1/operations/{operationId}/cancel', {
    params: { path: { operationId: asked.id }, header: waiting },
  });
  expect(cancelled).toMatchObject({ status: 'cancelled', result: { succeeded: 0, failed: 2, skipped: 6 } });
  await requireOneEndEach(log, cancelled, await partsOf(admin, asked.id));

  await stack.fail(a, { at: 'stop', failWith: 'host-rejected', times: 1 });
  const { data: stopped } = await admin.POST('/api/v1/vms/batch', {
    body: { ...off, maxParallel: 1, onError: 'stop' },
    params: { header: waiting },
  });
  expect(stopped).toMatchObject({ status: 'failed', result: { succeeded: 0, failed: 1, skipped: 7 } });
  expect(stopped.error?.code).toBe('host-rejected');
  const { data: rest } = await admin.POST('/api/v1/operations/{operationId}/retry', {
    params: { path: { operationId: stopped.id }, header: waiting },
  });
  expect(rest).toMatchObject({ status: 'succeeded', result: { succeeded: 8, failed: 0, skipped: 0 } });
  expect(outcomes(await partsOf(admin, rest.id))).toEqual({ changed: 4, unchanged: 4 });
});

story('takes what a single call takes for each machine, and keeps what is protected', async (stack) => {
  const { admin } = stack;
  const made = Array.from({ length: 8 }, (_, n) => createVm(admin, { host: a, name: `kept ${n}` }));
  const ids = (await Promise.all(made)).map(({ id }) => id);
  const [precious] = ids;
  await admin.PATCH('/api/v1/vms/{vmId}', {
    params: { path: { vmId: precious! }, header: waiting },
    body: { protected: true },
  });
  await expect(
    admin.POST('/api/v1/vms/batch', { body: { ids, action: 'snapshot', params: { nome: 'x' } } }),
  ).rejects.toMatchObject({ code: 'invalid-input', problem: { errors: [{ pointer: '/params/name' }, {}] } });

  const ask = async (action: 'snapshot' | 'delete', params: Record<string, unknown>) =>
    (await admin.POST('/api/v1/vms/batch', { body: { ids, action, params }, params: { header: waiting } })).data;
  expect(await ask('snapshot', { name: 'vor dem Löschen 🗑' })).toMatchObject({ status: 'succeeded' });
  for (const vmId of ids) {
    const { data } = await admin.GET('/api/v1/vms/{vmId}/snapshots', { params: { path: { vmId } } });
    expect(data.items.map(({ name }) => name)).toEqual(['vor dem Löschen 🗑']);
  }
  const deleted = await ask('delete', {});
  expect(deleted).toMatchObject({ status: 'failed', result: { succeeded: 7, failed: 1 } });
  expect(outcomes(await partsOf(admin, deleted.id))).toEqual({ changed: 7, 'vm-protected': 1 });
  const { data: left } = await admin.GET('/api/v1/vms', { params: { query: { q: 'kept ' } } });
  expect(left.items.map(({ id }) => id)).toEqual([precious]);
});
