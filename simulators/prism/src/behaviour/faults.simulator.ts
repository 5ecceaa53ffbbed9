import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll, taskUuidOf, type Answer } from '../testing/prism-process.ts';
import { V4Client } from '../testing/v4-client.ts';
import { makeVm, putVm, readVm, siteOf, vmRequest, type Site } from '../testing/vm-spec.ts';

const VMS = '/api/nutanix/v3/vms';

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('faults', () => {
  let prism: PrismProcess;
  let site: Site;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '0'] });
    site = await siteOf(prism);
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  const vmCount = async (name: string): Promise<unknown> =>
    ((await prism.v3('POST', '/vms/list', { filter: `vm_name==${name}` })).body['metadata'] as JsonObject)[
      'total_matches'
    ];
  const outcome = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'answered',
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );

  it('are aimed at method and path, and spent after their count', async () => {
    await prism.fault({ method: 'POST', path: VMS, count: 1, effect: { kind: 'status', status: 503 } });
    expect((await prism.v3('POST', '/vms/list', {})).status).toBe(200);
    const first = await prism.v3('POST', '/vms', vmRequest(site, 'a'));
    expect([first.status, first.body]).toMatchObject([
      503,
      { api_version: '3.1', code: 503, kind: 'vm', state: 'ERROR', message_list: [{ reason: 'SERVICE_UNAVAILABLE' }] },
    ]);
    expect((await prism.v3('POST', '/vms', vmRequest(site, 'a'))).status).toBe(202);
    expect(await prism.control('GET', '/faults')).toMatchObject({ faults: [{ struck: 1 }] });
  });

  it('are aimed at the n-th call of a kind, and at looks at tasks of one operation', async () => {
    await prism.fault({
      method: 'POST',
      path: VMS + '/list',
      skip: 2,
      count: 1,
      effect: { kind: 'status', status: 500 },
    });
    const statuses: number[] = [];
    for (let call = 0; call < 4; call += 1) statuses.push((await prism.v3('POST', '/vms/list', {})).status);
    expect(statuses).toEqual([200, 200, 500, 200]);

    const path = '/api/nutanix/v3/tasks/*';
    await prism.fault({ method: 'GET', path, operation: 'vm.delete', effect: { kind: 'status', status: 500 } });
    const look = async ({ body }: Answer) => (await prism.v3('GET', `/tasks/${taskUuidOf(body)}`)).status;
    const created = await prism.v3('POST', '/vms', vmRequest(site, 'aimed'));
    await prism.done(created);
    const uuid = String((created.body['metadata'] as JsonObject)['uuid']);
    expect(await look(created)).toBe(200);
    expect(await look(await prism.v3('DELETE', `/vms/${uuid}`))).toBe(500);
  });

  it('tell that they have struck, and that they no longer can', async () => {
    const fault = { method: 'GET', path: '/api/nutanix/v3/users/me', effect: { kind: 'status', status: 503 } } as const;
    const id = await prism.fault(fault);
    const order: string[] = [];
    const told = prism.struck(id, 2).then(() => order.push('twice'));
    await prism.v3('GET', '/users/me');
    await prism.struck(id);
    order.push('once');
    await prism.v3('GET', '/users/me');
    await told;
    expect(order).toEqual(['once', 'twice']);
    const never = outcome(prism.struck(id, 9));
    await prism.control('DELETE', `/faults/${id}`);
    expect(await never).toContain(`no fault ${id} is in force`);
    expect(await outcome(prism.struck('nobody'))).toContain('no fault nobody is in force');
  });

  it('answer in the form of the API that was called', async () => {
    for (const [status, reason, group] of [
      [401, 'AUTHENTICATION_REQUIRED', 'AUTHENTICATION_REQUIRED'],
      [403, 'ACCESS_DENIED', 'ACCESS_DENIED'],
      [409, 'CONCURRENT_REQUESTS_NOT_ALLOWED', 'CONFLICT'],
      [429, 'TOO_MANY_REQUESTS', 'RATE_LIMIT_EXCEEDED'],
      [500, 'INTERNAL_ERROR', 'INTERNAL_ERROR'],
    ] as const) {
      await prism.fault({ count: 2, effect: { kind: 'status', status } });
      const v3 = await prism.v3('POST', '/vms/list', {});
      expect([v3.status, (v3.body['message_list'] as JsonObject[])[0]?.['reason']]).toEqual([status, reason]);
      const v4 = await prism.call('GET', '/api/vmm/v4.0/ahv/config/vms');
      expect([v4.status, v4.body]).toMatchObject([status, { data: { error: [{ errorGroup: group }] } }]);
    }
  });

  it('refuse, hang, slow and reset connections', async () => {
    await prism.fault({ count: 1, effect: { kind: 'refuse' } });
    expect(await outcome(prism.v3('POST', '/vms/list', {}))).toMatch(/ECONNRESET|hang up/);

    await prism.knobs({ 'delays.scale': 1 });
    await prism.holdClock();
    const slow = await prism.fault({ count: 1, effect: { kind: 'slow', ms: 300 } });
    const hangs = await prism.fault({ path: '/api/nutanix/v3/users/me', effect: { kind: 'hang' } });
    const answered: string[] = [];
    const late = prism.v3('POST', '/vms/list', {}).then(() => answered.push('slow'));
    await prism.struck(slow);
    const patience = new AbortController();
    const { signal } = patience;
    const hanging = outcome(prism.v3('GET', '/users/me', undefined, { signal })).then(() => answered.push('hang'));
    await prism.struck(hangs);
    await prism.advance(299);
    expect((await prism.v3('POST', '/clusters/list', {})).status).toBe(200);
    expect(answered).toEqual([]);
    await prism.advance(1);
    await late;
    await prism.advance(3_600_000);
    expect((await prism.v3('POST', '/clusters/list', {})).status).toBe(200);
    expect(answered).toEqual(['slow']);
    patience.abort();
    await hanging;
  });

  it('close the port, and open it again', async () => {
    await prism.knobs({ 'server.listening': false });
    expect(await outcome(prism.v3('POST', '/vms/list', {}))).toMatch(/ECONNREFUSED|ECONNRESET|hang up/);
    expect(await outcome(prism.v3('POST', '/vms/list', {}))).toBe('ECONNREFUSED');
    await prism.knobs({ 'server.listening': true });
    expect(await outcome(prism.v3('POST', '/vms/list', {}))).toBe('answered');
  });

  it('lose the answer of a create that took effect, whole or by half', async () => {
    await prism.fault({ method: 'POST', path: VMS, count: 1, effect: { kind: 'drop' } });
    expect(await outcome(prism.v3('POST', '/vms', vmRequest(site, 'lost')))).toBe('ECONNRESET');
    await prism.fault({ method: 'POST', path: VMS, count: 1, effect: { kind: 'cut' } });
    expect(await outcome(prism.v3('POST', '/vms', vmRequest(site, 'lost')))).toMatch(/ECONNRESET|aborted/);
    const { body } = await prism.v3('POST', '/tasks/list', { length: 500 });
    for (const task of body['entities'] as JsonObject[]) await prism.task(String(task['uuid']));
    expect(await vmCount('lost')).toBe(2);
  });

  it('void every session at once', async () => {
    const [cookie = ''] = (await prism.v3('GET', '/users/me')).headers['set-cookie'] as string[];
    const session = { auth: false as const, headers: { cookie: cookie.split(';')[0]! } };
    await prism.fault({ path: VMS + '/list', count: 1, effect: { kind: 'expire' } });
    expect((await prism.v3('POST', '/vms/list', {}, session)).status).toBe(401);
    expect((await prism.v3('POST', '/vms/list', {}, session)).status).toBe(401);
    expect((await prism.v3('POST', '/vms/list', {})).status).toBe(200);
  });

  it('fail, abort, stall and slow tasks', async () => {
    await prism.fault({
      operation: 'vm.create',
      count: 1,
      effect: { kind: 'taskFail', detail: 'QUOTA: over', code: '422' },
    });
    const failed = await prism.done(await prism.v3('POST', '/vms', vmRequest(site, 'x')));
    expect(failed).toMatchObject({ status: 'FAILED', error_detail: 'QUOTA: over', error_code: '422' });
    await prism.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskAbort' } });
    expect(await prism.done(await prism.v3('POST', '/vms', vmRequest(site, 'x')))).toMatchObject({ status: 'ABORTED' });
    expect(await vmCount('x')).toBe(0);

    await prism.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskStall', status: 'SUSPENDED' } });
    await prism.holdClock();
    const stalled = await prism.v3('POST', '/vms', vmRequest(site, 'x'));
    const uuid = taskUuidOf(stalled.body);
    await prism.endTasks();
    await prism.advance(3_600_000);
    expect((await prism.v3('GET', `/tasks/${uuid}`)).body['status']).toBe('SUSPENDED');
    expect((await prism.v3('POST', `/tasks/${uuid}/abort`)).status).toBe(200);
    await prism.runClock();

    await prism.knobs({ 'delays.scale': 1 });
    await prism.holdClock();
    await prism.fault({ operation: 'vm.*', count: 1, effect: { kind: 'taskSlow', ms: 400 } });
    const slow = await prism.v3('POST', '/vms', vmRequest(site, 'x'));
    const statusOf = async ({ body }: Answer) => (await prism.v3('GET', `/tasks/${taskUuidOf(body)}`)).body['status'];
    // As many milliseconds later as it is slow, counted from when it began.
    await prism.advance(399);
    expect(await statusOf(slow)).toBe('RUNNING');
    await prism.advance(1);
    expect(await statusOf(slow)).toBe('SUCCEEDED');
  });

  it('leave half-made things behind', async () => {
    await prism.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskHalf' } });
    expect(await prism.done(await prism.v3('POST', '/vms', vmRequest(site, 'half')))).toMatchObject({
      status: 'FAILED',
    });
    expect(await vmCount('half')).toBe(1);
    await prism.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskFail' } });
    await prism.knobs({ 'v3.failedCreate': 'error' });
    const answer = await prism.v3('POST', '/vms', vmRequest(site, 'error'));
    await prism.done(answer);
    const { status } = await readVm(prism, String((answer.body['metadata'] as JsonObject)['uuid']));
    expect(status).toMatchObject({ state: 'ERROR', message_list: [{ message: expect.any(String) }] });
  });

  it('show entities and tasks late', async () => {
    await prism.knobs({
      'v3.entityLate': [300, 300],
      'v3.listLate': [300, 300],
      'tasks.late': [100, 100],
      'delays.scale': 1,
    });
    await prism.holdClock();
    const answer = await prism.v3('POST', '/vms', vmRequest(site, 'late'));
    const uuid = String((answer.body['metadata'] as JsonObject)['uuid']);
    const taskUuid = String(((answer.body['status'] as JsonObject)['execution_context'] as JsonObject)['task_uuid']);
    const early = await prism.v3('GET', `/tasks/${taskUuid}`);
    expect([early.status, early.body]).toMatchObject([404, { message_list: [{ reason: 'INVALID_UUID' }] }]);
    await prism.advance(100);
    expect((await prism.v3('GET', `/tasks/${taskUuid}`)).body['status']).toBe('SUCCEEDED');
    await prism.advance(199);
    expect((await prism.v3('GET', `/vms/${uuid}`)).status).toBe(404);
    expect(await vmCount('late')).toBe(0);
    await prism.advance(1);
    expect((await prism.v3('GET', `/vms/${uuid}`)).status).toBe(200);
    expect(await vmCount('late')).toBe(1);
  });

  it('limit requests and creates by the second', async () => {
    await prism.holdClock();
    await prism.knobs({ 'limits.requestsPerSecond': 5, 'limits.retryAfterSeconds': 2 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => prism.v3('POST', '/vms/list', {})));
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(7);
    expect(limited[0]?.headers['retry-after']).toBe('2');
    expect(limited[0]?.body).toMatchObject({ code: 429, message_list: [{ reason: 'TOO_MANY_REQUESTS' }] });
    await prism.advance(400);
    const later = await Promise.all(Array.from({ length: 3 }, () => prism.v3('POST', '/vms/list', {})));
    expect(later.map(({ status }) => status).sort()).toEqual([200, 200, 429]);
    await prism.knobs({ 'limits.requestsPerSecond': 0, 'limits.createsPerSecond': 1, 'limits.retryAfterSeconds': 0 });
    const creates = await Promise.all(['a', 'b', 'c'].map((name) => prism.v3('POST', '/vms', vmRequest(site, name))));
    expect(creates.map(({ status }) => status).sort()).toEqual([202, 429, 429]);
    expect(creates.find(({ status }) => status === 429)?.headers['retry-after']).toBeUndefined();
  });

  it('make parallel Basic logins fail now and then, and leave sessions alone', async () => {
    await prism.knobs({ 'auth.basicFailureRate': 1 });
    const [cookie = ''] = (await prism.v3('GET', '/users/me')).headers['set-cookie'] as string[];
    await prism.holdClock();
    const slow = await prism.fault({ path: '/api/nutanix/v3/groups', effect: { kind: 'slow', ms: 1 } });
    const calls = Array.from({ length: 6 }, () => prism.v3('POST', '/groups', { entity_type: 'vm' }));
    await prism.struck(slow, 6);
    await prism.advance(100);
    const answers = await Promise.all(calls);
    expect(answers.some(({ status }) => status === 401 || status === 403)).toBe(true);
    const session = { auth: false as const, headers: { cookie: cookie.split(';')[0]! } };
    const calm = await Promise.all(Array.from({ length: 6 }, () => prism.v3('POST', '/vms/list', {}, session)));
    expect(calm.every(({ status }) => status === 200)).toBe(true);
  });

  it('of v4 spoil tasks and ETags', async () => {
    const v4 = new V4Client(prism);
    const uuid = await makeVm(prism, site, 'spoilt');
    await prism.knobs({ 'v4.staleEtag': 'task', 'v4.entitiesAffected': 'duplicated' });
    const stale = { 'if-match': Buffer.from('application/json:old').toString('base64') };
    const task = await v4.done(await v4.write('POST', uuid, '/$actions/power-on', undefined, stale));
    expect(task).toMatchObject({ status: 'FAILED', errorMessages: [{ code: 'VMM-30303' }] });
    expect(task['entitiesAffected']).toHaveLength(2);
    await prism.knobs({ 'v4.errorMessages': 'absent', 'v4.ifMatchOnActions': false });
    const failed = await v4.done(await v4.write('POST', uuid, '/$actions/power-off', undefined, { 'if-match': '' }));
    expect([failed['status'], failed['errorMessages']]).toEqual(['FAILED', undefined]);
  });

  it('come from a file that is followed, and a file that cannot be read changes nothing', async () => {
    const file = join(prism.dataDir, 'knobs.json');
    const write = (content: string): void => {
      writeFileSync(`${file}.next`, content);
      renameSync(`${file}.next`, file);
    };
    const knob = async (name: string): Promise<unknown> => (await prism.control('GET', '/knobs'))[name];
    const fault = { id: 'f', method: 'GET', effect: { kind: 'status', status: 500 } };
    write(JSON.stringify({ knobs: { 'v3.maxLength': 7 }, faults: [fault] }));
    while ((await knob('v3.maxLength')) !== 7);
    expect((await prism.v3('GET', '/users/me')).status).toBe(500);
    write('{"knobs":{"v3.maxLength":"seven"}}');
    while (!prism.errors.join('').includes('v3.maxLength')) await knob('v3.maxLength');
    expect(await knob('v3.maxLength')).toBe(7);
    write('{}');
    while ((await knob('v3.maxLength')) !== 500);
    expect((await prism.v3('GET', '/users/me')).status).toBe(200);
  });

  it('count the calls they cost', async () => {
    await prism.control('DELETE', '/calls');
    await makeVm(prism, site, 'counted').then((uuid) => putVm(prism, uuid, () => undefined));
    expect(await prism.control('GET', '/calls')).toMatchObject({
      calls: { [`GET ${VMS}/{uuid}`]: 1, [`POST ${VMS}`]: 1, [`PUT ${VMS}/{uuid}`]: 1 },
    });
  });
});
