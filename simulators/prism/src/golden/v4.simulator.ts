import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll } from '../testing/prism-process.ts';
import { differences } from '../testing/shape.ts';
import { codeOf, V4Client } from '../testing/v4-client.ts';
import { siteOf, type Site } from '../testing/vm-spec.ts';
import * as golden from './v4-examples.ts';

const VMS = '/ahv/config/vms';
const NOWHERE = 'aaaaaaaa-0009-4000-8000-000000000009';

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('v4, as the golden examples have it', () => {
  let prism: PrismProcess;
  let site: Site;
  let v4: V4Client;
  let uuid: string;

  const request = (name: string): JsonObject => ({
    name,
    numSockets: 2,
    numCoresPerSocket: 1,
    memorySizeBytes: 4294967296,
    cluster: { extId: site.cluster },
    disks: [
      {
        diskAddress: { busType: 'SCSI', index: 0 },
        backingInfo: {
          $objectType: 'vmm.v4.ahv.config.VmDisk',
          dataSource: { reference: { $objectType: 'vmm.v4.ahv.config.ImageReference', imageExtId: site.image } },
        },
      },
    ],
    nics: [{ networkInfo: { nicType: 'NORMAL_NIC', subnet: { extId: site.managed } } }],
  });

  beforeAll(async () => {
    prism = await PrismProcess.start({
      args: ['--seed-vms', '0'],
      knobs: { 'v4.nicsTwice': false, 'v4.statsLag': [0, 0] },
    });
    site = await siteOf(prism);
    v4 = new V4Client(prism);
    uuid = await v4.create(request('web-01'));
    await v4.done(await v4.write('POST', uuid, '/$actions/power-on'));
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  it('G15: reads a VM, with an ETag that begins with the encoding of a media type', async () => {
    const answer = await v4.vmm('GET', `${VMS}/${uuid}`);
    expect(answer.status).toBe(200);
    expect(differences(answer.body, golden.G15)).toEqual([]);
    expect(Buffer.from(String(answer.headers['etag']), 'base64').toString()).toMatch(/^application\/json/);
    const links = (answer.body['metadata'] as { links: { rel: string }[] }).links.map(({ rel }) => rel);
    expect(links).toEqual(['self', 'disks', 'nics', 'cd-roms', 'gpus', 'serial-ports', 'pcie-devices', 'guest-tools']);
    expect(answer.body['data']).toMatchObject({
      powerState: 'ON',
      disks: [{ backingInfo: { diskSizeBytes: 16 * 1024 * 1024 } }],
    });
  });

  it('G16: lists, with links between pages, and without data when there is nothing', async () => {
    const answer = await v4.vmm('GET', `${VMS}?$page=0&$limit=100&$filter=name%20eq%20'web-01'`);
    expect(answer.status).toBe(200);
    expect(differences(answer.body, golden.G16)).toEqual([]);
    const nothing = await v4.vmm('GET', `${VMS}?$filter=name eq 'nobody'`.replaceAll(' ', '%20'));
    expect(nothing.body['data']).toBeUndefined();
    expect(nothing.body['metadata']).toMatchObject({ totalAvailableResults: 0 });
  });

  it('G17: accepts a create with a request id, and answers a repeat with the same task', async () => {
    const headers = { 'NTNX-Request-Id': randomUUID() };
    const first = await v4.vmm('POST', VMS, request('web-02'), headers);
    expect(first.status).toBe(202);
    expect(differences(first.body, golden.G17)).toEqual([]);
    expect(first.body).toMatchObject({
      data: { extId: expect.stringMatching(/^ZXJnb24=:[0-9a-f-]{36}$/) },
      $objectType: 'vmm.v4.ahv.config.CreateVmApiResponse',
    });
    const again = await v4.vmm('POST', VMS, request('web-02'), headers);
    expect([again.status, again.body['data']]).toEqual([202, first.body['data']]);
    await v4.done(first);
    const { body } = await v4.vmm('GET', `${VMS}?$filter=name%20eq%20'web-02'`);
    expect(body['metadata']).toMatchObject({ totalAvailableResults: 1 });
  });

  it('G18: powers on by action, with request id and ETag', async () => {
    const own = await v4.create(request('web-03'));
    const answer = await v4.write('POST', own, '/$actions/power-on');
    expect(answer.status).toBe(202);
    expect(differences(answer.body, golden.G17)).toEqual([]);
    expect(answer.body['$objectType']).toBe('vmm.v4.ahv.config.PowerOnVmApiResponse');
    expect(await v4.done(answer)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await v4.vm(own)).toMatchObject({ powerState: 'ON' });
  });

  it('G19: reads a task by its id with and without the prefix', async () => {
    const own = await v4.vmm('POST', VMS, request('web-04'), { 'ntnx-request-id': randomUUID() });
    await v4.done(own);
    const extId = String((own.body['data'] as JsonObject)['extId']);
    const answer = await prism.call('GET', `/api/prism/v4.0/config/tasks/${extId}`);
    expect(answer.status).toBe(200);
    expect(differences(answer.body, golden.G19)).toEqual([]);
    expect(answer.body['data']).toMatchObject({ operation: 'VmCreate', status: 'SUCCEEDED', progressPercentage: 100 });
    const bare = await prism.call('GET', `/api/prism/v4.0/config/tasks/${extId.slice('ZXJnb24=:'.length)}`);
    expect(bare.body['data']).toEqual(answer.body['data']);
  });

  it('G20: answers errors as lists of messages with code and group', async () => {
    const unknown = await v4.vmm('GET', `${VMS}/${NOWHERE}`);
    expect(unknown.status).toBe(404);
    expect(differences(unknown.body, golden.G20)).toEqual([]);
    expect(unknown.body).toMatchObject({
      data: { error: [{ code: 'VMM-30100', errorGroup: 'VM_NOT_FOUND', argumentsMap: { vm_uuid: NOWHERE } }] },
    });

    const id = { 'ntnx-request-id': randomUUID() };
    const noId = await v4.vmm('POST', VMS, request('x'));
    expect([noId.status, codeOf(noId)]).toEqual([400, 'VMM-30400']);
    const badId = await v4.vmm('POST', VMS, request('x'), { 'ntnx-request-id': 'seven' });
    expect([badId.status, codeOf(badId)]).toEqual([400, 'VMM-30401']);
    const noEtag = await v4.vmm('DELETE', `${VMS}/${uuid}`, undefined, id);
    expect([noEtag.status, codeOf(noEtag)]).toEqual([428, 'PLAT-10004']);
    expect(noEtag.text).toContain('prism.v4.error.AppMessage');
    const badEtag = await v4.vmm('DELETE', `${VMS}/${uuid}`, undefined, { ...id, 'if-match': 'what?' });
    expect([badEtag.status, codeOf(badEtag)]).toEqual([412, 'PLAT-10005']);
    const stale = await v4.write('PUT', uuid, '', await v4.vm(uuid), {
      'if-match': Buffer.from('application/json:old').toString('base64'),
    });
    expect([stale.status, codeOf(stale)]).toEqual([412, 'VMM-30303']);
  });

  it('G20: names what a create got wrong', async () => {
    const create = (change: JsonObject) =>
      v4.vmm('POST', VMS, { ...request('x'), ...change }, { 'ntnx-request-id': randomUUID() });
    const codes: Record<string, JsonObject> = {
      'VMM-30102': { numSockets: 0 },
      'VMM-30106': { cluster: { extId: NOWHERE } },
      'VMM-30109': { powerState: 'ON' },
      'VMM-30604': { nics: [{ networkInfo: { subnet: { extId: NOWHERE } } }] },
      'VMM-31201': { disks: [{ backingInfo: { dataSource: { reference: { imageExtId: NOWHERE } } } }] },
    };
    for (const [code, change] of Object.entries(codes)) {
      const answer = await create(change);
      expect([answer.status, codeOf(answer)]).toEqual([400, code]);
    }
    const schema = await create({ colour: 'blue' });
    expect(schema.status).toBe(400);
    expect(schema.body).toMatchObject({
      data: {
        error: {
          $objectType: 'vmm.v4.error.SchemaValidationError',
          statusCode: 400,
          validationErrorMessages: [{ location: 'body' }],
        },
      },
    });
  });

  it('G20: answers a version it does not serve in plain text', async () => {
    const answer = await prism.call('GET', '/api/vmm/v4.9/ahv/config/vms');
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toContain('text/plain');
    expect(answer.text).toContain('The requested URL was not found on the server');
    expect((await prism.call('GET', '/api/vmm/v4.0.a1/ahv/config/vms')).status).toBe(200);
    expect((await prism.call('OPTIONS', '/api/vmm/unversioned/info')).body).toEqual({ data: 'v4.2' });
  });

  it('G22: gives statistics as sparse tuples, the first without numbers', async () => {
    const seeded = await PrismProcess.start({ args: ['--seed-vms', '1'], knobs: { 'v4.statsLag': [0, 0] } });
    try {
      const vm = await seeded.named('vm', 'web-01');
      const end = Math.floor((await seeded.now()) / 30_000) * 30_000;
      const times = `$startTime=${new Date(end - 300_000).toISOString()}&$endTime=${new Date(end).toISOString()}`;
      const path = `/api/vmm/v4.1/ahv/stats/vms/${vm}?${times}&$samplingInterval=30&$statType=AVG`;
      const answer = await seeded.call('GET', `${path}&$select=*`);
      expect(answer.status).toBe(200);
      expect(answer.body['$objectType']).toBe('vmm.v4.ahv.stats.GetVmStatsApiResponse');
      const data = answer.body['data'] as { $objectType: string; extId: string; stats: JsonObject[] };
      expect([data.$objectType, data.extId]).toEqual(['vmm.v4.ahv.stats.VmStats', vm]);
      const [head, ...tuples] = data.stats;
      expect(head).toMatchObject({
        $objectType: 'vmm.v4.ahv.stats.VmStatsTuple',
        hypervisorType: 'kKvm',
        cluster: expect.any(String),
      });
      expect(head?.['hypervisorCpuUsagePpm']).toBeUndefined();
      expect(tuples).toHaveLength(10);
      for (const tuple of tuples) expect(differences(tuple, golden.G22_TUPLE)).toEqual([]);
      expect(tuples.every((tuple) => tuple['hypervisorMemoryUsagePpm'] === 1_000_000)).toBe(true);

      expect(codeOf(await seeded.call('GET', path))).toBe('VMM-30102');
      const old = await seeded.call('GET', `${path.replace('v4.1', 'v4.0')}&$select=*`);
      expect([old.status, codeOf(old)]).toEqual([400, 'VMM-30102']);
    } finally {
      await seeded.stop();
    }
  });

  it('G25: makes a console token that is a JSON web token with an address to connect to', async () => {
    const answer = await v4.write('POST', uuid, '/$actions/generate-console-token');
    expect(answer.status).toBe(202);
    expect(differences(answer.body, golden.G17)).toEqual([]);
    expect(await v4.done(answer)).toMatchObject({
      status: 'SUCCEEDED',
      completionDetails: [
        { name: 'VmConsoleToken', value: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) },
        { name: 'WsUri', value: expect.stringMatching(/^\/console\/launch\/[0-9a-f-]{36}$/) },
      ],
    });
    const older = await prism.call('POST', `/api/vmm/v4.1${VMS}/${uuid}/$actions/generate-console-token`);
    expect(older.status).toBe(404);
  });
});
