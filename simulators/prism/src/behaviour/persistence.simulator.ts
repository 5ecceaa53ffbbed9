import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, taskUuidOf, stopAll } from '../testing/prism-process.ts';
import { makeVm, readVm, siteOf, vmRequest } from '../testing/vm-spec.ts';

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('state on disk', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'prism-simulator-'));
  });
  afterEach(async () => {
    await stopAll();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const start = async (setup: Parameters<typeof PrismProcess.start>[0] = {}): Promise<PrismProcess> => {
    return PrismProcess.start({ dataDir, args: ['--seed-vms', '3'], ...setup });
  };

  it('survives SIGKILL: VMs, tasks, images, certificate and sessions', async () => {
    const first = await start({ ownCertificate: true });
    const site = await siteOf(first);
    const uuid = await makeVm(first, site, 'survivor', { power_state: 'ON' });
    const before = (await first.v3('GET', `/vms/${uuid}`)).body;
    const tasks = (await first.v3('POST', '/tasks/list', {})).body;
    const image = await first.v3('POST', '/images', {
      metadata: { kind: 'image' },
      spec: { name: 'kept', resources: {} },
    });
    await first.done(image);
    const file = `/images/${String((image.body['metadata'] as JsonObject)['uuid'])}/file`;
    await first.v3('PUT', file, undefined, {
      headers: { 'content-type': 'application/octet-stream' },
      raw: 'kept bytes',
    });
    const [cookie = ''] = (await first.v3('GET', '/users/me')).headers['set-cookie'] as string[];
    await first.kill('SIGKILL');

    const second = await start({ ownCertificate: true });
    expect(second.certificate).toBe(first.certificate);
    expect((await second.v3('GET', `/vms/${uuid}`)).body).toEqual(before);
    expect(
      (await second.v3('POST', '/tasks/list', { sort_attribute: 'creation_time_usecs', length: 1 })).body['entities'],
    ).toEqual((tasks['entities'] as JsonObject[]).slice(0, 1));
    expect((await second.v3('GET', file)).text).toBe('kept bytes');
    const headers = { cookie: cookie.split(';')[0]! };
    expect((await second.v3('GET', '/users/me', undefined, { auth: false, headers })).status).toBe(200);
    const next = await makeVm(second, site, 'newcomer');
    const [old, young] = await Promise.all([readVm(second, uuid), readVm(second, next)]);
    const ip = ({ spec }: typeof old) =>
      JSON.stringify((spec['resources'] as { nic_list: JsonObject[] }).nic_list[0]?.['ip_endpoint_list']);
    expect(ip(old)).not.toBe(ip(young));
  });

  it('goes on with tasks that were running when it was killed', async () => {
    const slow = { 'latency.scale': 1, 'latency.queued': [0, 0], 'latency.create': [600_000, 600_000] } as const;
    const first = await start({ knobs: { ...slow, 'delays.scale': 1 } });
    await first.holdClock();
    const answer = await first.v3('POST', '/vms', vmRequest(await siteOf(first), 'interrupted'));
    const uuid = String((answer.body['metadata'] as JsonObject)['uuid']);
    const task = `/tasks/${taskUuidOf(answer.body)}`;
    await first.advance(300_000);
    expect((await first.v3('GET', task)).body).toMatchObject({ status: 'RUNNING', percentage_complete: 50 });
    const before = await first.now();
    await first.kill('SIGKILL');
    const second = await start();
    // It had been moved on, and does not go back.
    expect(await second.now()).toBeGreaterThanOrEqual(before);
    expect((await second.v3('GET', task)).body['status']).toBe('RUNNING');
    await second.endTasks();
    expect((await second.v3('GET', task)).body['status']).toBe('SUCCEEDED');
    expect((await readVm(second, uuid)).status['state']).toBe('COMPLETE');
  });

  it('was killed in the middle of a request or a task, and has each change whole or not at all', async () => {
    const first = await start();
    const site = await siteOf(first);
    await first.fault({ method: 'POST', path: '/api/nutanix/v3/vms', effect: { kind: 'crash', when: 'after' } });
    await expect(first.v3('POST', '/vms', vmRequest(site, 'crash-after'))).rejects.toThrow();
    expect(await first.ended()).toBe('SIGKILL');

    const second = await start();
    const found = async (prism: PrismProcess, name: string): Promise<unknown> => {
      const { body } = await prism.v3('POST', '/tasks/list', {});
      for (const task of body['entities'] as JsonObject[]) await prism.task(String(task['uuid']));
      return ((await prism.v3('POST', '/vms/list', { filter: `vm_name==${name}` })).body['metadata'] as JsonObject)[
        'total_matches'
      ];
    };
    expect(await found(second, 'crash-after')).toBe(1);
    await second.fault({ method: 'POST', path: '/api/nutanix/v3/vms', effect: { kind: 'crash', when: 'before' } });
    await expect(second.v3('POST', '/vms', vmRequest(site, 'crash-before'))).rejects.toThrow();
    expect(await second.ended()).toBe('SIGKILL');

    const third = await start();
    expect(await found(third, 'crash-before')).toBe(0);
    await third.fault({ operation: 'vm.create', effect: { kind: 'taskCrash' } });
    const accepted = await third.v3('POST', '/vms', vmRequest(site, 'crash-task'));
    expect(accepted.status).toBe(202);
    expect(await third.ended()).toBe('SIGKILL');

    const fourth = await start();
    expect(await fourth.task(taskUuidOf(accepted.body))).toMatchObject({ status: 'SUCCEEDED' });
    expect(await found(fourth, 'crash-task')).toBe(1);
  });

  it('reads past a torn last line', async () => {
    const first = await start();
    const uuid = await makeVm(first, await siteOf(first), 'whole');
    await first.kill('SIGKILL');
    appendFileSync(join(dataDir, 'state', 'journal.jsonl'), '[["vm","' + uuid + '",null');
    const second = await start();
    expect((await readVm(second, uuid)).spec['name']).toBe('whole');
  });

  it('has one owner at a time', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(`is in use by process ${first.pid}`);
    expect((await first.v3('GET', '/users/me')).status).toBe(200);
  });

  it('keeps its seed from the first start', async () => {
    const first = await start();
    await first.kill('SIGTERM');
    const second = await start({ args: ['--seed-vms', '50'] });
    const { body } = await second.v3('POST', '/vms/list', {});
    expect(body['metadata']).toMatchObject({ total_matches: 3 });
  });
});
