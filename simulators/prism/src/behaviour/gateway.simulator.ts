import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll, taskUuidOf } from '../testing/prism-process.ts';
import { makeVm, siteOf, vmRequest, type Site } from '../testing/vm-spec.ts';

const reasonOf = (body: JsonObject): unknown => (body['message_list'] as JsonObject[])[0]?.['reason'];

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('the v3 gateway', () => {
  let prism: PrismProcess;
  let site: Site;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '0', '--username', 'ops', '--password', 'se:cret'] });
    prism.call = (
      (call) => (method, path, body, options) =>
        call(method, path, body, { auth: 'ops:se:cret', ...options })
    )(prism.call.bind(prism));
    site = await siteOf(prism);
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  it('gives a session for a login and takes its cookie until it is void', async () => {
    const login = await prism.v3('GET', '/users/me');
    expect(login.body).toMatchObject({ status: { name: 'ops' }, metadata: { kind: 'user' } });
    const [cookie = ''] = login.headers['set-cookie'] as string[];
    expect(cookie).toMatch(
      /^NTNX_IGW_SESSION=[\w-]+\.[\w-]+\.[\w-]+; Expires=.+ GMT; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    );
    const headers = { cookie: cookie.split(';')[0]! };
    const use = () => prism.v3('GET', '/users/me', undefined, { auth: false, headers });
    const used = await use();
    expect([used.status, used.headers['set-cookie']]).toEqual([200, undefined]);
    const forged = { cookie: `${headers.cookie.slice(0, -4)}AAAA` };
    expect((await prism.v3('GET', '/users/me', undefined, { auth: false, headers: forged })).status).toBe(401);
    await prism.control('POST', '/sessions/expire');
    expect((await use()).status).toBe(401);
    expect((await prism.v3('GET', '/users/me', undefined, { auth: 'ops:wrong' })).status).toBe(401);
  });

  it('gives a session that holds, in the very millisecond in which all before it end', async () => {
    await prism.holdClock();
    const logIn = async () => {
      const [cookie = ''] = (await prism.v3('GET', '/users/me')).headers['set-cookie'] as string[];
      const headers = { cookie: cookie.split(';')[0]! };
      return async () => (await prism.v3('GET', '/users/me', undefined, { auth: false, headers })).status;
    };
    const old = await logIn();
    await prism.control('POST', '/sessions/expire');
    const next = await logIn();
    expect([await old(), await next()]).toEqual([401, 200]);
    await prism.control('POST', '/sessions/expire');
    const last = await logIn();
    expect([await old(), await next(), await last()]).toEqual([401, 401, 200]);
  });

  it('lets sessions run out', async () => {
    await prism.holdClock();
    const [cookie = ''] = (await prism.v3('GET', '/users/me')).headers['set-cookie'] as string[];
    const headers = { cookie: cookie.split(';')[0]! };
    const use = async () => (await prism.v3('GET', '/users/me', undefined, { auth: false, headers })).status;
    // A token may be given twice within a second.
    await prism.advance(15 * 60_000 - 1_001);
    expect(await use()).toBe(200);
    await prism.advance(2_000);
    expect(await use()).toBe(401);
  });

  it('takes API keys and the log-in form of the console', async () => {
    const headers = { 'X-Ntnx-Api-Key': 'k-1' };
    expect((await prism.v3('GET', '/users/me', undefined, { auth: false, headers })).status).toBe(401);
    await prism.knobs({ 'auth.apiKeys': ['k-1'] });
    expect((await prism.v3('GET', '/users/me', undefined, { auth: false, headers })).status).toBe(200);
    const form = await prism.call('POST', '/PrismGateway/j_spring_security_check', undefined, {
      auth: false,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      raw: 'j_username=ops&j_password=se%3Acret',
    });
    expect(form.status).toBe(200);
    expect(String(form.headers['set-cookie'])).toMatch(/^JSESSIONID=/);
  });

  it('answers 401 without a body, or with one that is no JSON, where the knob says so', async () => {
    await prism.knobs({ 'auth.unauthorizedBody': 'empty' });
    expect((await prism.v3('GET', '/users/me', undefined, { auth: false })).text).toBe('');
    await prism.knobs({ 'auth.unauthorizedBody': 'html' });
    expect((await prism.v3('GET', '/users/me', undefined, { auth: false })).text).toContain('<html>');
  });

  it('tells malformed requests apart', async () => {
    const broken = await prism.v3('POST', '/vms/list', undefined, {
      headers: { 'content-type': 'application/json' },
      raw: '{"kind"',
    });
    expect([broken.status, reasonOf(broken.body)]).toEqual([400, 'INVALID_REQUEST']);
    const type = await prism.v3('POST', '/vms/list', undefined, {
      headers: { 'content-type': 'text/xml' },
      raw: '<a/>',
    });
    expect([type.status, reasonOf(type.body)]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE_ERROR']);
    const id = await prism.v3('GET', '/vms/not-a-uuid');
    expect([id.status, reasonOf(id.body)]).toEqual([400, 'INVALID_UUID']);
    const kind = await prism.v3('POST', '/unicorns/list', {});
    expect([kind.status, kind.body['kind'], reasonOf(kind.body)]).toEqual([404, 'unicorn', 'ENTITY_NOT_FOUND']);
    const empty = await prism.v3('POST', '/vms/list', undefined, {
      headers: { 'content-type': 'application/json' },
      raw: '',
    });
    expect(empty.status).toBe(200);
  });

  it('pages lists, refuses too long ones, and names an attribute it cannot filter by', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await makeVm(prism, site, name);
    const page = await prism.v3('POST', '/vms/list', {
      filter: 'vm_name==page-.*',
      length: 2,
      offset: 2,
      sort_attribute: 'name',
      sort_order: 'DESCENDING',
    });
    expect(page.body['metadata']).toMatchObject({ offset: 2, length: 1, total_matches: 3 });
    expect((page.body['entities'] as { spec: { name: string } }[])[0]?.spec.name).toBe('page-1');
    expect((await prism.v3('POST', '/vms/list', { length: 501 })).status).toBe(422);
    await prism.knobs({ 'v3.overMaxLength': 'clamp' });
    expect((await prism.v3('POST', '/vms/list', { length: 501 })).status).toBe(200);
    const filter = await prism.v3('POST', '/vms/list', { filter: 'vm_colour==blue' });
    expect([filter.status, filter.body['message_list']]).toEqual([
      400,
      [
        {
          message: 'Given input is invalid. Schema empty or does not contain type for vm_colour',
          reason: 'INVALID_ARGUMENT',
        },
      ],
    ]);
  });

  it('hands out UUIDs that make a create safe to repeat, and takes no others', async () => {
    const ask = { client_identifier: 'op-1', count: 1, valid_duration_in_minutes: 10 };
    const answer = await prism.v3('POST', '/idempotence_identifiers', ask);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(['client_identifier', 'count', 'expiration_time', 'uuid_list']);
    const [uuid = ''] = answer.body['uuid_list'] as string[];
    expect((await prism.v3('POST', '/idempotence_identifiers', ask)).body['uuid_list']).toEqual([uuid]);
    expect((await prism.v3('GET', '/idempotence_identifiers/op-1')).body['uuid_list']).toEqual([uuid]);
    const request = { ...vmRequest(site, 'chosen'), metadata: { kind: 'vm', uuid } };
    const created = await prism.v3('POST', '/vms', request);
    expect(created.body['metadata']).toMatchObject({ uuid });
    await prism.done(created);
    const again = await prism.v3('POST', '/vms', request);
    expect([again.status, reasonOf(again.body)]).toEqual([409, 'ENTITY_ALREADY_EXISTS']);
    const own = { ...request, metadata: { kind: 'vm', uuid: 'aaaaaaaa-0001-4000-8000-000000000001' } };
    expect((await prism.v3('POST', '/vms', own)).status).toBe(422);
    expect((await prism.v3('DELETE', '/idempotence_identifiers/op-1')).text).toBe('null');
    expect((await prism.v3('GET', '/idempotence_identifiers/op-1')).status).toBe(404);
  });

  it('carries out batches in order, and stops at the first failure where asked', async () => {
    const list = { operation: 'POST', path_and_params: '/api/nutanix/v3/vms/list', body: { length: 1 } };
    const bad = { operation: 'GET', path_and_params: 'vms/aaaaaaaa-0009-4000-8000-000000000009' };
    const all = await prism.v3('POST', '/batch', { api_request_list: [list, bad, list] });
    const statuses = (body: JsonObject) => (body['api_response_list'] as JsonObject[]).map(({ status }) => status);
    expect(statuses(all.body)).toEqual(['200', '404', '200']);
    const some = await prism.v3('POST', '/batch', { action_on_failure: 'ABORT', api_request_list: [list, bad, list] });
    expect(statuses(some.body)).toEqual(['200', '404']);
    const many = { api_request_list: Array.from({ length: 61 }, () => list) };
    expect((await prism.v3('POST', '/batch', many)).status).toBe(422);
  });

  it('waits for tasks by poll, lists them and aborts them', async () => {
    const slow = { 'latency.scale': 1, 'latency.queued': [0, 0], 'latency.create': [60_000, 60_000] } as const;
    await prism.knobs({ ...slow, 'delays.scale': 1 });
    await prism.holdClock();
    const created = await prism.v3('POST', '/vms', vmRequest(site, 'slow'));
    await prism.advance(0);
    const uuid = taskUuidOf(created.body);
    const poll = await prism.v3('POST', '/tasks/poll', { task_uuid_list: [uuid], poll_timeout_seconds: 0 });
    expect(poll.body['has_poll_timed_out']).toBe(true);
    const [task] = poll.body['entities'] as JsonObject[];
    expect(task).toMatchObject({ status: 'RUNNING', percentage_complete: 10 });
    expect(task?.['completion_time']).toBeUndefined();
    await prism.advance(30_000);
    expect((await prism.v3('GET', `/tasks/${uuid}`)).body['percentage_complete']).toBe(50);
    expect((await prism.v3('POST', `/tasks/${uuid}/abort`)).status).toBe(200);
    expect((await prism.v3('GET', `/tasks/${uuid}`)).body).toMatchObject({
      status: 'ABORTED',
      percentage_complete: 100,
    });
    const list = await prism.v3('POST', '/tasks/list', { filter: 'status==ABORTED' });
    expect(list.body['metadata']).toMatchObject({ total_matches: 1 });
    expect((await prism.v3('POST', '/vms/list', { filter: 'vm_name==slow' })).body['metadata']).toMatchObject({
      total_matches: 0,
    });
  });

  it('takes the old names of release 5.10.3', async () => {
    const uuid = await makeVm(prism, site, 'old');
    await prism.knobs({ profile: '5.10.3' });
    const read = await prism.v3('GET', `/vms/${uuid}`);
    const list = await prism.v3('POST', '/vms/list', { filter: 'vm_name==old' });
    const created = await prism.v3('POST', '/vms', vmRequest(site, 'older'));
    expect(read.headers['server']).toBe('Apache');
    expect((read.body['metadata'] as JsonObject)['entity_version']).toBeUndefined();
    expect((list.body['entities'] as { status: JsonObject }[])[0]?.status['execution_context']).toEqual({
      task_uuids: [expect.any(String)],
    });
    expect(created.body).toMatchObject({
      metadata: { project_reference: { kind: 'project' }, owner_reference: { name: 'ops' }, categories: {} },
      spec: { resources: { vga_console_enabled: true, power_state_mechanism: { mechanism: 'HARD' } } },
    });
  });

  describe('images', () => {
    const image = (name: string, resources: JsonObject = {}): JsonObject => ({
      metadata: { kind: 'image' },
      spec: { name, resources: { image_type: 'DISK_IMAGE', ...resources } },
    });
    const bytes = Buffer.from('x'.repeat(100_000));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const octets = { 'content-type': 'application/octet-stream' };

    it('are uploaded once, with their checksum, and downloaded again', async () => {
      const created = await prism.v3('POST', '/images', image('uploaded'));
      await prism.done(created);
      const path = `/images/${String((created.body['metadata'] as JsonObject)['uuid'])}`;
      expect(
        ((await prism.v3('GET', path)).body['status'] as { resources: JsonObject }).resources['size_bytes'],
      ).toBeUndefined();
      const wrong = { ...octets, 'X-Nutanix-Checksum-Type': 'SHA_256', 'X-Nutanix-Checksum-Bytes': '00' };
      expect((await prism.v3('PUT', `${path}/file`, undefined, { headers: wrong, raw: bytes })).status).toBe(422);
      const right = { ...wrong, 'X-Nutanix-Checksum-Bytes': sha256 };
      expect((await prism.v3('PUT', `${path}/file`, undefined, { headers: right, raw: bytes })).status).toBe(200);
      expect((await prism.v3('GET', path)).body).toMatchObject({
        status: { state: 'COMPLETE', resources: { size_bytes: 100_000 } },
      });
      const file = await prism.v3('GET', `${path}/file`);
      expect([file.headers['content-type'], file.text]).toEqual(['application/octet-stream', bytes.toString()]);
      expect((await prism.v3('PUT', `${path}/file`, undefined, { headers: octets, raw: bytes })).status).toBe(422);
    });

    it('are not held to the checksum of their spec when they are uploaded', async () => {
      const checksum = { checksum_algorithm: 'SHA_256', checksum_value: '00' };
      const created = await prism.v3('POST', '/images', image('unchecked', { checksum }));
      await prism.done(created);
      const path = `/images/${String((created.body['metadata'] as JsonObject)['uuid'])}/file`;
      expect((await prism.v3('PUT', path, undefined, { headers: octets, raw: bytes })).status).toBe(200);
    });

    it('are fetched from their address, and fail in the task when that does not work', async () => {
      const source = createServer((request, response) => {
        if (request.url === '/image') response.end(bytes);
        else response.writeHead(404).end();
      });
      await new Promise<void>((resolve) => source.listen(0, '127.0.0.1', resolve));
      const at = `http://127.0.0.1:${(source.address() as AddressInfo).port}`;
      try {
        const checksum = { checksum_algorithm: 'SHA_256', checksum_value: sha256 };
        const created = await prism.v3('POST', '/images', image('fetched', { source_uri: `${at}/image`, checksum }));
        expect(await prism.done(created)).toMatchObject({
          status: 'SUCCEEDED',
          operation_type: 'create_image_intentful',
        });
        const uuid = String((created.body['metadata'] as JsonObject)['uuid']);
        expect((await prism.v3('GET', `/images/${uuid}`)).body).toMatchObject({
          status: { resources: { size_bytes: 100_000 } },
        });
        const lost = await prism.v3('POST', '/images', image('lost', { source_uri: `${at}/nothing` }));
        expect(await prism.done(lost)).toMatchObject({
          status: 'FAILED',
          error_detail: expect.stringContaining('HTTP 404'),
        });
        const vm = await makeVm(prism, site, 'from-fetched', {
          disk_list: [{ data_source_reference: { kind: 'image', uuid } }],
        });
        const { body } = await prism.v3('GET', `/vms/${vm}`);
        expect(body).toMatchObject({
          spec: { resources: { disk_list: [{ disk_size_bytes: 100_000, disk_size_mib: 1 }] } },
        });
      } finally {
        await new Promise((resolve) => source.close(resolve));
      }
    });

    it('of the seed can be downloaded too', async () => {
      const file = await prism.v3('GET', `/images/${site.image}/file`);
      expect(file.headers['content-length']).toBe(String(16 * 1024 * 1024));
      expect(file.text.length).toBe(16 * 1024 * 1024);
    });
  });
});
