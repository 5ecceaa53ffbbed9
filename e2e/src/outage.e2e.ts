import { expect } from '@jest/globals';
import { requireSuccess } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { createVm, hostIsOffline, operationWhen, populate, power, readVm } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const [a, b] = ['fake-a', 'fake-b'] as const;
const story = storiesOn({ agents: [a, b].map((id) => ({ kind: 'fake', id })) });

story('remembers a host that is dead, with its machines, also when it is started anew', async (stack) => {
  const { admin } = stack;
  const ids = await populate(stack, b, 10, 'counted');
  await populate(stack, a, 5, 'others');
  const log = await stack.listen({ types: ['host.*'], hosts: [b] });
  const summary = async () => (await admin.GET('/api/v1/stats/summary')).data;
  const provider = async (host: string) =>
    (await admin.GET('/api/v1/providers/status')).data.providers.find((one) => one.host === host)!;
  const { items } = (await admin.GET('/api/v1/vms', { params: { query: { limit: 500 } } })).data;
  const running = items.filter(({ state }) => state === 'running');
  const sum = (numbers: (number | undefined)[]) => numbers.reduce<number>((total, one = 0) => total + one, 0);
  await eventually(async () => {
    const { hosts, vms, cpus, memoryMiB, load, operations } = await summary();
    expect(hosts).toEqual({ total: 2, ready: 2, draining: 0, offline: 0 });
    expect(vms.total).toBe(items.length);
    expect(vms.byState).toMatchObject({ running: running.length, stopped: items.length - running.length, paused: 0 });
    expect(cpus).toEqual({ allocated: sum(items.map((vm) => vm.cpus)), running: sum(running.map((vm) => vm.cpus)) });
    expect(memoryMiB.running).toBe(sum(running.map((vm) => vm.memoryMiB)));
    expect(load.cpuPercent).toBeGreaterThan(0);
    expect(operations).toEqual({ pending: 0, running: 0 });
  });
  const alive = await provider(b);
  expect(alive).toMatchObject({ state: 'ready', health: { status: 'healthy' }, vms: 10 });
  expect(alive.capabilities.snapshots).toMatchObject({ available: true, features: { uefi: { available: true } } });

  await stack.kill(`agent-${b}`);
  await hostIsOffline(admin, b);
  await log.first(({ type }) => type === 'host.offline');
  await stack.restart('gateway');
  // Nobody has to be asked for it, and nobody waits for whom there is not.
  const dead = await provider(b);
  expect(dead).toMatchObject({ state: 'offline', vms: 10, version: alive.version });
  await eventually(async () => {
    expect((await summary()).hosts).toEqual({ total: 2, ready: 1, draining: 0, offline: 1 });
  });
  expect(await readVm(admin, ids[0]!)).toMatchObject({ name: 'counted-00001', state: 'running' });
  await expect(power(admin, ids[0]!, 'stop')).rejects.toMatchObject({ code: 'host-offline' });
  await expect(
    admin.GET('/api/v1/vms/{vmId}', { params: { path: { vmId: ids[0]! }, query: { fresh: 'true' } } }),
  ).rejects.toMatchObject({ code: 'host-offline' });
  await stack.restart(`agent-${b}`);
  await log.first(({ type }) => type === 'host.online');
  expect((await provider(b)).state).toBe('ready');
  expect(log.heard.map(({ event }) => event.type).filter((type) => /offline|online/.test(type))).toEqual([
    'host.offline',
    'host.online',
  ]);
});

async function health(stack: Stack, path: 'healthz' | 'readyz'): Promise<string> {
  const response = await fetch(`${stack.url()}/${path}`);
  const { status, detail } = (await response.json()) as { status: string | number; detail?: string };
  return `${response.status} ${detail ?? status}`;
}

story('lives while the bus is away, answers from memory, and keeps what it is asked for', async (stack) => {
  const { admin } = stack;
  const { id: vmId } = await createVm(admin, { host: a, name: 'patient' });
  await populate(stack, a, 10, 'remembered');
  expect([await health(stack, 'healthz'), await health(stack, 'readyz')]).toEqual(['200 alive', '200 ready']);
  await stack.kill('nats-server');
  await eventually(async () => expect(await health(stack, 'readyz')).toMatch(/^503 Not ready\. .*bus: /));
  expect(await health(stack, 'healthz')).toBe('200 alive');
  expect((await readVm(admin, vmId)).name).toBe('patient');
  const { data: list } = await admin.GET('/api/v1/vms', { params: { query: { q: 'remembered' } } });
  expect(list.items).toHaveLength(10);
  const { data: hosts } = await admin.GET('/api/v1/providers/status');
  expect(hosts.providers.map(({ state }) => state)).toEqual(['ready', 'ready']);
  await expect(
    admin.GET('/api/v1/vms/{vmId}', { params: { path: { vmId }, query: { fresh: 'true' } } }),
  ).rejects.toMatchObject({ status: 503, retryable: true });
  const { data: asked, response } = await admin.POST('/api/v1/vms/{vmId}/start', { params: { path: { vmId } } });
  expect([response.status, asked.status]).toEqual([202, 'pending']);
  await expect(power(admin, vmId, 'stop')).rejects.toMatchObject({ code: 'vm-busy' });

  await stack.launch('nats-server');
  await stack.ready();
  const done = await operationWhen(admin, asked.id, ({ endedAt }) => endedAt !== undefined);
  expect(requireSuccess(done).changed).toBe(true);
  expect((await readVm(admin, vmId)).state).toBe('running');
  expect(await health(stack, 'readyz')).toBe('200 ready');
});
