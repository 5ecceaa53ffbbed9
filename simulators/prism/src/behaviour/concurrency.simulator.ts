import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll } from '../testing/prism-process.ts';
import { makeVm, putVm, readVm, resourcesOf, siteOf, vmRequest, type Site } from '../testing/vm-spec.ts';

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('writes at the same time', () => {
  let prism: PrismProcess;
  let site: Site;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '0'] });
    site = await siteOf(prism);
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  it('let one of many edits of a version through', async () => {
    const uuid = await makeVm(prism, site, 'contested');
    await prism.holdClock();
    const { spec, metadata } = await readVm(prism, uuid);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_unused, i) =>
        prism.v3('PUT', `/vms/${uuid}`, { metadata, spec: { ...spec, description: `edit ${i}` } }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array<number>(7).fill(409)]);
    const winner = answers.findIndex(({ status }) => status === 202);
    await prism.endTasks();
    await prism.done(answers[winner]!);
    const after = await readVm(prism, uuid);
    expect([after.spec['description'], after.metadata['entity_version']]).toEqual([`edit ${winner}`, '2']);
    const late = await prism.v3('PUT', `/vms/${uuid}`, { metadata, spec: { ...spec, description: 'late' } });
    expect([late.status, late.body['message_list']]).toMatchObject([
      409,
      [{ message: 'Edit conflict: please retry change.' }],
    ]);
  });

  it('refuse a second task on a busy VM, and let other VMs alone', async () => {
    const [one, two] = await Promise.all([makeVm(prism, site, 'busy-1'), makeVm(prism, site, 'busy-2')]);
    await prism.holdClock();
    const on = (uuid: string) => putVm(prism, uuid, (spec) => void (resourcesOf(spec)['power_state'] = 'ON'));
    const first = await on(one);
    const second = await prism.v3('POST', `/vms/${one}/clone`, {});
    const other = await on(two);
    expect([first.status, second.status, other.status]).toEqual([202, 409, 202]);
    expect(second.body['message_list']).toMatchObject([{ reason: 'CONCURRENT_REQUESTS_NOT_ALLOWED' }]);
    expect((await prism.v3('DELETE', `/vms/${one}`)).status).toBe(409);
    await prism.endTasks();
    expect(await prism.done(first)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await prism.done(other)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await prism.v3('POST', `/vms/${one}/clone`, {})).status).toBe(202);
  });

  it('wait for each other where the knob says so', async () => {
    const uuid = await makeVm(prism, site, 'queued');
    const slow = { 'latency.scale': 1, 'latency.update': [300, 300], 'delays.scale': 1 } as const;
    await prism.knobs({ ...slow, 'v3.busyVm': 'queue', 'v3.vmEntityVersionCheck': false });
    await prism.holdClock();
    const edit = (description: string) => putVm(prism, uuid, (spec) => void (spec['description'] = description));
    const first = await edit('first');
    const second = await edit('second');
    const third = await prism.v3('DELETE', `/vms/${uuid}`);
    expect([first.status, second.status, third.status]).toEqual([202, 202, 202]);
    await prism.endTasks();
    const ends = (await Promise.all([first, second, third].map((answer) => prism.done(answer)))).map((task) => [
      task['status'],
      Number(task['start_time_usecs']),
      Number(task['completion_time_usecs']),
    ]);
    expect(ends.map(([status]) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
    expect(ends[1]![1]).toBeGreaterThanOrEqual(Number(ends[0]![2]) - 1000);
    expect(ends[2]![1]).toBeGreaterThanOrEqual(Number(ends[1]![2]) - 1000);
    expect((await prism.v3('GET', `/vms/${uuid}`)).status).toBe(404);
  });

  it('never give an address or a MAC away twice', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_unused, i) => prism.v3('POST', '/vms', vmRequest(site, `many-${i}`))),
    );
    await Promise.all(answers.map((answer) => prism.done(answer)));
    const { body } = await prism.v3('POST', '/vms/list', { length: 500, filter: 'vm_name==many-.*' });
    const nics = (body['entities'] as { spec: JsonObject }[]).map(
      ({ spec }) => (resourcesOf(spec)['nic_list'] as JsonObject[])[0]!,
    );
    expect(nics).toHaveLength(60);
    expect(new Set(nics.map((nic) => JSON.stringify(nic['ip_endpoint_list']))).size).toBe(60);
    expect(new Set(nics.map((nic) => nic['mac_address'])).size).toBe(60);
  });

  it('check spec_version where releases do, lax for VMs and strict for the rest', async () => {
    const uuid = await makeVm(prism, site, 'versions');
    const lax = await putVm(prism, uuid, (spec, metadata) => {
      spec['description'] = 'recorded: accepted with a wrong spec_version and no entity_version';
      metadata['spec_version'] = 1;
      delete metadata['entity_version'];
    });
    expect(lax.status).toBe(202);
    await prism.done(lax);

    const { body } = await prism.v3('GET', `/subnets/${site.managed}`);
    const { spec, metadata } = body as { spec: JsonObject; metadata: JsonObject };
    const stale = await prism.v3('PUT', `/subnets/${site.managed}`, {
      spec,
      metadata: { ...metadata, spec_version: 0 },
    });
    expect([stale.status, stale.body['kind']]).toEqual([409, 'subnet']);
    const fresh = await prism.v3('PUT', `/subnets/${site.managed}`, { spec, metadata });
    await prism.done(fresh);
    const next = await prism.v3('GET', `/subnets/${site.managed}`);
    expect(next.body['metadata']).toMatchObject({ spec_version: Number(metadata['spec_version']) + 1 });

    await prism.knobs({ profile: '5.10.3' });
    const old = await readVm(prism, uuid);
    const put = (version: number) =>
      prism.v3('PUT', `/vms/${uuid}`, {
        spec: { ...old.spec, resources: { ...resourcesOf(old.spec), power_state: 'ON' } },
        metadata: { ...old.metadata, spec_version: version },
      });
    const current = Number(old.metadata['spec_version']);
    expect((await put(current + 5)).status).toBe(409);
    await prism.done(await put(current));
    const moved = Number((await readVm(prism, uuid)).metadata['spec_version']);
    expect(moved - current).toBeGreaterThan(1);
  });
});
