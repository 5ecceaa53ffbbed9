import { expect } from '@jest/globals';
import type { Client, paths } from '@polyvirt/api-client';
import { publishRollup } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import type { VmRollup } from '@polyvirt/contracts';
import { parsePrometheus } from './prometheus.ts';
import { createVm, power, readVm } from './requests.ts';
import { storiesOn } from './stack/story.ts';

const [a, b] = ['fake-a', 'fake-b'] as const;
const story = storiesOn({ agents: [a, b].map((id) => ({ kind: 'fake', id })) });

type HistoryQuery = NonNullable<paths['/api/v1/vms/{vmId}/metrics/history']['get']['parameters']['query']>;
const minuteMs = 60_000;

const bootable = { disks: [{ image: 'tiny-linux' }], nics: [{ network: 'default' }], start: true };

const reading = async (client: Client, vmId: string) =>
  (await client.GET('/api/v1/vms/{vmId}/metrics', { params: { path: { vmId } } })).data;
const history = async (client: Client, vmId: string, query: HistoryQuery) =>
  (await client.GET('/api/v1/vms/{vmId}/metrics/history', { params: { path: { vmId }, query } })).data;

story('shows what a machine does now, and what is unknown as absent', async ({ admin }) => {
  const vm = await createVm(admin, { host: a, name: 'measured', memoryMiB: 1_024, ...bootable });
  await eventually(async () => expect((await reading(admin, vm.id)).cpuPercent).toBeGreaterThan(0));
  const first = await reading(admin, vm.id);
  expect(first).toMatchObject({ vmId: vm.id, state: 'running', memoryTotalMiB: 1_024 });
  expect(first.memoryUsedMiB! / first.memoryTotalMiB!).toBeCloseTo(first.memoryPercent! / 100);
  expect(first.disks.map(({ device }) => device)).toEqual(vm.disks.map(({ device }) => device));
  expect(first.networks.map((network) => network.interface)).toEqual(vm.nics.map(({ mac }) => mac));
  await eventually(async () => {
    const next = await reading(admin, vm.id);
    expect(Date.parse(next.observedAt)).toBeGreaterThan(Date.parse(first.observedAt));
    expect(next.disks[0]!.readBytes).toBeGreaterThan(first.disks[0]!.readBytes!);
    expect(next.networks[0]!.rxBytes).toBeGreaterThan(first.networks[0]!.rxBytes!);
  });
  const { points, stepSeconds } = await history(admin, vm.id, { from: new Date(Date.now() - minuteMs).toISOString() });
  expect(stepSeconds).toBe(5);
  expect(points.length).toBeGreaterThan(0);
  for (const { cpuPercent, rxBytesPerSecond } of points) {
    expect(cpuPercent!.average).toBeLessThanOrEqual(cpuPercent!.maximum);
    expect(rxBytesPerSecond!.average).toBeGreaterThan(0);
  }

  await power(admin, vm.id, 'stop');
  // At once, and not only when the next reading has come.
  await expect(reading(admin, vm.id)).rejects.toMatchObject({ code: 'wrong-state', status: 409 });
});

/** What a chart is drawn of, short: `12:05 10/30`. */
const drawn = async (client: Client, vmId: string, query: HistoryQuery) =>
  (await history(client, vmId, query)).points.map(
    ({ at, cpuPercent }) => `${at.slice(11, 16)} ${cpuPercent?.average}/${cpuPercent?.maximum}`,
  );

story('keeps every minute, once, through restarts of agent and gateway, and a gap as a gap', async (stack) => {
  const { admin, bus } = stack;
  const { id: vmId } = await createVm(admin, { host: a, name: 'charted', ...bootable });
  const { id: other } = await createVm(admin, { host: b, name: 'theirs' });
  // Two hours ago, ten minutes from the begin of the hour on.
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 2 * 3_600_000;
  const minute = (n: number) => new Date(hour + n * minuteMs).toISOString();
  const rollup = (samples: number, cpu: number, id = vmId): VmRollup => ({
    vmId: id,
    samples,
    cpuPercent: { average: cpu, maximum: 2 * cpu },
  });
  const keep = (n: number, ...vms: VmRollup[]) => publishRollup(bus, { host: a, minute: minute(n), vms });
  for (const n of [0, 1, 2, 5, 6]) await keep(n, rollup(n === 1 ? 6 : 12, 10 * (n + 1)));
  await keep(3, rollup(12, 99, other));
  await keep(6, rollup(12, 1));
  await keep(9, { vmId, samples: 12, rxBytesPerSecond: { average: 2 ** 40, maximum: 2 ** 41 } });
  const range = { from: minute(0), to: minute(10) };
  const at = (n: number) => minute(n).slice(11, 16);
  const expected = [
    [0, '10/20'],
    [1, '20/40'],
    [2, '30/60'],
    [5, '60/120'],
    [6, '70/140'],
    [9, 'undefined/undefined'],
  ].map(([n, text]) => `${at(n as number)} ${text}`);
  await eventually(async () => expect(await drawn(admin, vmId, { ...range, step: 60 })).toEqual(expected));
  // A minute of which half was seen weighs half.
  const wide = await drawn(admin, vmId, { ...range, step: 300 });
  expect(wide).toEqual([`${at(0)} 20/60`, `${at(5)} 65/140`]);
  expect(await drawn(admin, vmId, { from: minute(2), to: minute(6), step: 60 })).toEqual(expected.slice(2, 4));
  const { points } = await history(admin, vmId, { from: minute(9), to: minute(10), step: 60 });
  expect(points).toEqual([{ at: minute(9), rxBytesPerSecond: { average: 2 ** 40, maximum: 2 ** 41 } }]);
  // An agent speaks of its own machines only.
  expect(await drawn(admin, other, { ...range, step: 60 })).toEqual([]);

  await eventually(async () => expect((await reading(admin, vmId)).cpuPercent).toBeGreaterThan(0));
  await stack.restart(`agent-${a}`, 'SIGTERM');
  await stack.restart('gateway');
  expect(await drawn(admin, vmId, { ...range, step: 60 })).toEqual(expected);
  // The gateway has forgotten what it had in memory; the agent has told of the minute under way.
  await eventually(async () => {
    const { points: recent } = await history(admin, vmId, { from: minute(60), step: 60 });
    expect(recent.length).toBeGreaterThan(0);
    expect(recent[0]!.cpuPercent!.average).toBeGreaterThan(0);
  });
});

const odd = 'a "quoted" \\ back\\n {x="y"} 🚀';

story('tells Prometheus of every machine, whatever it is called', async (stack) => {
  const { admin } = stack;
  const vm = await createVm(admin, { host: a, name: 'odd', memoryMiB: 512, cpus: 2, ...bootable });
  const fake = stack.fakeHost(a);
  fake.rename(vm.nativeId, odd);
  fake.close();
  const off = await createVm(admin, { host: b, name: 'off' });
  await eventually(async () => expect((await readVm(admin, vm.id)).name).toBe(odd));
  const scrape = async () => {
    const response = await fetch(`${stack.url()}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    return parsePrometheus(await response.text());
  };
  await eventually(async () => {
    const cpu = (await scrape()).get('polyvirt_vm_cpu_percent');
    expect(cpu?.samples.map(({ labels }) => labels.vm)).toContain(vm.id);
  });
  const families = await scrape();
  const of = (name: string, vmId: string) =>
    families.get(`polyvirt_vm_${name}`)?.samples.filter(({ labels }) => labels.vm === vmId) ?? [];
  const labels = { vm: vm.id, host: a, hypervisor: vm.hypervisor, name: odd };
  expect(of('cpu_percent', vm.id)).toMatchObject([{ labels }]);
  expect(of('state', vm.id)).toEqual([
    { name: 'polyvirt_vm_state', labels: { ...labels, state: 'running' }, value: 1 },
  ]);
  expect(of('cpus', vm.id)[0]?.value).toBe(2);
  expect(of('memory_total_bytes', vm.id)[0]?.value).toBe(512 * 1024 * 1024);
  expect(of('disk_read_bytes_total', vm.id)).toMatchObject([{ labels: { ...labels, device: vm.disks[0]!.device } }]);
  expect(of('network_receive_bytes_total', vm.id)).toMatchObject([{ labels: { interface: vm.nics[0]!.mac } }]);
  const seconds = of('metrics_timestamp_seconds', vm.id)[0]!.value;
  expect(Math.abs(Date.now() / 1_000 - seconds)).toBeLessThan(30);
  // Off: it has a state and its size; no reading is no sample.
  expect(of('state', off.id)).toMatchObject([{ labels: { state: 'stopped' } }]);
  for (const name of ['cpu_percent', 'memory_used_bytes', 'disk_read_bytes_total'])
    expect(of(name, off.id)).toEqual([]);
  for (const [name, { type, help }] of families) {
    expect([name, type === 'counter']).toEqual([name, name.endsWith('_total')]);
    expect(help).not.toBe('');
  }
  const answered = families.get('polyvirt_http_request_seconds')!;
  expect(answered.type).toBe('histogram');
  expect(answered.samples.map(({ labels }) => labels.route)).toContain('/api/v1/vms/:vmId');
  // Whoever comes through a proxy is not of this machine.
  const strange = await fetch(`${stack.url()}/metrics`, { headers: { 'x-forwarded-for': '192.0.2.1' } });
  expect(strange.status).toBe(403);
});
