import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll } from '../testing/prism-process.ts';
import { codeOf, V4Client } from '../testing/v4-client.ts';
import { makeVm, readVm, siteOf, type Site } from '../testing/vm-spec.ts';

const GIB = 1024 ** 3;

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('the life of a VM in v4', () => {
  let prism: PrismProcess;
  let site: Site;
  let v4: V4Client;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '0'] });
    site = await siteOf(prism);
    v4 = new V4Client(prism);
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  const make = (name: string, more: JsonObject = {}): Promise<string> =>
    v4.create({
      name,
      numSockets: 2,
      memorySizeBytes: 2 * GIB,
      cluster: { extId: site.cluster },
      nics: [
        {
          nicNetworkInfo: {
            $objectType: 'vmm.v4.ahv.config.VirtualEthernetNicNetworkInfo',
            subnet: { extId: site.managed },
          },
        },
      ],
      ...more,
    });
  const act = async (uuid: string, action: string, body?: JsonObject): Promise<JsonObject> =>
    v4.done(await v4.write('POST', uuid, `/$actions/${action}`, body));
  const listOf = async (path: string): Promise<JsonObject[]> =>
    ((await v4.vmm('GET', path)).body['data'] as JsonObject[]) ?? [];

  it('is the same VM in v3', async () => {
    const uuid = await make('both');
    const { spec, status } = await readVm(prism, uuid);
    expect(spec).toMatchObject({
      name: 'both',
      resources: { num_sockets: 2, memory_size_mib: 2048, power_state: 'OFF' },
    });
    expect(status['execution_context']).toBeUndefined();
    const other = await makeVm(prism, site, 'from-v3');
    expect(await v4.vm(other)).toMatchObject({
      name: 'from-v3',
      bootConfig: { $objectType: 'vmm.v4.ahv.config.UefiBoot' },
    });
  });

  it('goes through every power action', async () => {
    const uuid = await make('powers');
    const state = async (): Promise<unknown> => (await v4.vm(uuid))['powerState'];
    const states: unknown[] = [];
    for (const action of ['power-on', 'reset', 'reboot', 'power-cycle', 'shutdown', 'power-on', 'power-off']) {
      expect(await act(uuid, action)).toMatchObject({ status: 'SUCCEEDED' });
      states.push(await state());
    }
    expect(states).toEqual(['ON', 'ON', 'ON', 'ON', 'OFF', 'ON', 'OFF']);
    expect(await act(uuid, 'power-off')).toMatchObject({ status: 'FAILED', errorMessages: [{ severity: 'ERROR' }] });
    for (const action of ['guest-shutdown', 'guest-reboot'])
      expect(await act(uuid, action, {})).toMatchObject({ status: 'FAILED' });
    for (const action of ['suspend', 'pause'])
      expect((await v4.write('POST', uuid, `/$actions/${action}`)).status).toBe(404);
  });

  it('is changed by PUT of the whole, its devices by their own paths', async () => {
    const uuid = await make('parts');
    const vm = await v4.vm(uuid);
    await v4.done(await v4.write('PUT', uuid, '', { ...vm, numSockets: 4, description: 'more', nics: [] }));
    const changed = await v4.vm(uuid);
    expect(changed).toMatchObject({
      numSockets: 4,
      description: 'more',
      nics: [{ extId: (vm['nics'] as JsonObject[])[0]?.['extId'] }],
    });

    const disk = {
      diskAddress: { busType: 'SCSI' },
      backingInfo: { $objectType: 'vmm.v4.ahv.config.VmDisk', diskSizeBytes: GIB },
    };
    const added = await v4.done(await v4.write('POST', uuid, '/disks', disk));
    expect(added['entitiesAffected']).toMatchObject([{ rel: 'vmm:ahv:config:vm' }, { rel: 'vmm:ahv:config:vm:disk' }]);
    const [first] = await listOf(`/ahv/config/vms/${uuid}/disks`);
    const id = String(first?.['extId']);
    await v4.done(await v4.write('PUT', uuid, `/disks/${id}`, { ...first, backingInfo: { diskSizeBytes: 2 * GIB } }));
    expect((await v4.vmm('GET', `/ahv/config/vms/${uuid}/disks/${id}`)).body['data']).toMatchObject({
      backingInfo: { diskSizeBytes: 2 * GIB },
    });
    await v4.done(await v4.write('DELETE', uuid, `/disks/${id}`));
    expect((await v4.vm(uuid))['disks']).toBeUndefined();

    await v4.done(await v4.write('POST', uuid, '/nics', { networkInfo: { subnet: { extId: site.managed } } }));
    const nics = await listOf(`/ahv/config/vms/${uuid}/nics`);
    expect(nics).toHaveLength(2);
    const nic = String(nics[1]?.['extId']);
    await v4.done(
      await v4.write('POST', uuid, `/nics/${nic}/$actions/assign-ip`, { ipAddress: { value: '10.10.201.9' } }),
    );
    const address = async (): Promise<unknown> =>
      ((await v4.vmm('GET', `/ahv/config/vms/${uuid}/nics/${nic}`)).body['data'] as { networkInfo: JsonObject })
        .networkInfo['ipv4Config'];
    expect(await address()).toMatchObject({ ipAddress: { value: '10.10.201.9', prefixLength: 32 } });
    await v4.done(await v4.write('POST', uuid, `/nics/${nic}/$actions/release-ip`));
    expect(await address()).toBeUndefined();
  });

  it('has CD-ROMs that take and give back their medium', async () => {
    const uuid = await make('media', { cdRoms: [{ diskAddress: { busType: 'SATA', index: 0 } }] });
    const [empty] = await listOf(`/ahv/config/vms/${uuid}/cd-roms`);
    expect(empty?.['backingInfo']).toBeUndefined();
    const path = `/cd-roms/${String(empty?.['extId'])}/$actions`;
    const iso = await prism.named('image', 'nutanix-virtio-1.2.4.iso');
    await v4.done(
      await v4.write('POST', uuid, `${path}/insert`, {
        backingInfo: { dataSource: { reference: { imageExtId: iso } } },
      }),
    );
    expect((await listOf(`/ahv/config/vms/${uuid}/cd-roms`))[0]).toMatchObject({
      backingInfo: { diskSizeBytes: 180 * 1024 * 1024 },
    });
    await v4.done(await v4.write('POST', uuid, `${path}/eject`));
    expect((await listOf(`/ahv/config/vms/${uuid}/cd-roms`))[0]?.['backingInfo']).toBeUndefined();
  });

  it('clones once or many times, with names and overrides', async () => {
    const uuid = await make('origin');
    const one = await act(uuid, 'clone', { name: 'copy', numSockets: 1 });
    expect(await v4.vm(String((one['entitiesAffected'] as JsonObject[])[0]?.['extId']))).toMatchObject({
      name: 'copy',
      numSockets: 1,
      powerState: 'OFF',
    });
    const many = await act(uuid, 'clone', { name: 'bulk', bulkCloneOptions: { numVms: 3, nameSuffixStartIndex: 5 } });
    const ids = (many['entitiesAffected'] as JsonObject[]).map(({ extId }) => String(extId));
    const copies = await Promise.all(ids.map((id) => v4.vm(id)));
    expect(copies.map((copy) => copy['name'])).toEqual(['bulk-5', 'bulk-6', 'bulk-7']);
    const addresses = copies.map((copy) =>
      JSON.stringify((copy['nics'] as { networkInfo: JsonObject }[])[0]?.networkInfo['ipv4Config']),
    );
    expect(new Set(addresses).size).toBe(3);
  });

  it('goes back to a recovery point, and comes again out of one', async () => {
    const uuid = await make('saved');
    const base = '/api/dataprotection/v4.0/config/recovery-points';
    const post = (path: string, body: JsonObject) =>
      prism.call('POST', `${base}${path}`, body, { headers: { 'ntnx-request-id': randomUUID() } });
    await v4.done(
      await post('', { name: 'before', recoveryPointType: 'CRASH_CONSISTENT', vmRecoveryPoints: [{ vmExtId: uuid }] }),
    );
    const list = await prism.call('GET', `${base}?$filter=name%20eq%20'before'`);
    const [group] = list.body['data'] as { extId: string; vmRecoveryPoints: { extId: string; vmExtId: string }[] }[];
    const point = group!.vmRecoveryPoints[0]!;
    expect(point.vmExtId).toBe(uuid);
    await v4.done(await v4.write('PUT', uuid, '', { ...(await v4.vm(uuid)), numSockets: 8 }));
    expect(await act(uuid, 'revert', { vmRecoveryPointExtId: point.extId })).toMatchObject({ status: 'SUCCEEDED' });
    expect(await v4.vm(uuid)).toMatchObject({ numSockets: 2 });
    const restored = await v4.done(await post(`/${group!.extId}/$actions/restore`, {}));
    expect(await v4.vm(String((restored['entitiesAffected'] as JsonObject[])[0]?.['extId']))).toMatchObject({
      name: 'saved',
    });
  });

  it('moves between hosts, and carries categories by their ids', async () => {
    const uuid = await make('mover');
    await act(uuid, 'power-on');
    const hosts = (await prism.call('GET', `/api/clustermgmt/v4.0/config/clusters/${site.cluster}/hosts`)).body[
      'data'
    ] as JsonObject[];
    const before = await v4.vm(uuid);
    const target = hosts.find((host) => host['extId'] !== (before['host'] as JsonObject)['extId'])!;
    await act(uuid, 'migrate-to-host', { host: { extId: String(target['extId']) } });
    expect(await v4.vm(uuid)).toMatchObject({ host: { extId: target['extId'] } });

    const found = await prism.call(
      'GET',
      "/api/prism/v4.0/config/categories?$filter=key%20eq%20'Environment'%20and%20value%20eq%20'Dev'",
    );
    const [dev] = found.body['data'] as JsonObject[];
    const categories = [{ extId: String(dev?.['extId']) }];
    await act(uuid, 'associate-categories', { categories });
    expect((await readVm(prism, uuid)).metadata['categories']).toEqual({ Environment: 'Dev' });
    await act(uuid, 'disassociate-categories', { categories });
    expect((await v4.vm(uuid))['categories']).toBeUndefined();
  });

  it('pages from 0 with limits that are not clamped, and links that keep the query', async () => {
    const path = '/ahv/config/vms';
    const wrong = await v4.vmm('GET', `${path}?$limit=101`);
    expect([wrong.status, wrong.body]).toMatchObject([
      400,
      { data: { error: { validationErrorMessages: [{ location: 'query' }] } } },
    ]);
    expect((await v4.vmm('GET', `${path}?$limit=0`)).status).toBe(400);
    expect((await v4.vmm('GET', `${path}?$page=-1`)).status).toBe(400);
    for (const name of ['paged-1', 'paged-2', 'paged-3', 'paged-4', 'paged-5']) await make(name, { nics: [] });
    const query = "$page=1&$limit=2&$orderby=name%20desc&$select=name&$filter=startswith(name,'paged-')";
    const page = await v4.vmm('GET', `${path}?${query}`);
    const metadata = page.body['metadata'] as { links: { rel: string; href: string }[]; totalAvailableResults: number };
    expect(metadata.links.map(({ rel }) => rel)).toEqual(['first', 'self', 'prev', 'next', 'last']);
    expect(metadata.links.every(({ href }) => href.includes('orderby'))).toBe(true);
    const names = (page.body['data'] as JsonObject[]).map(({ name }) => String(name));
    expect(names).toEqual(['paged-3', 'paged-2']);
    expect(metadata.totalAvailableResults).toBe(5);
    expect(Object.keys((page.body['data'] as JsonObject[])[0]!).sort()).toEqual(['$objectType', 'extId', 'name']);
    expect((await v4.vmm('GET', `${path}?$filter=name%20like%20'x'`)).status).toBe(400);
    expect((await v4.vmm('GET', `${path}?%24page=0&%24limit=1`)).status).toBe(200);
  });

  it('remembers request ids for a time, refusals too', async () => {
    const headers = { 'ntnx-request-id': randomUUID() };
    const bad = { name: 'bad', numSockets: 0, cluster: { extId: site.cluster } };
    const first = await v4.vmm('POST', '/ahv/config/vms', bad, headers);
    const again = await v4.vmm('POST', '/ahv/config/vms', { ...bad, numSockets: 1 }, headers);
    expect([again.status, codeOf(again)]).toEqual([400, codeOf(first)]);
    await prism.knobs({ 'v4.requestIdMinutes': 0 });
    expect((await v4.vmm('POST', '/ahv/config/vms', { ...bad, numSockets: 1 }, headers)).status).toBe(202);
  });

  it('reads clusters with Prism Central among them, hosts, containers, subnets and images', async () => {
    const get = async (path: string): Promise<JsonObject[]> =>
      (await prism.call('GET', `/api/${path}`)).body['data'] as JsonObject[];
    const clusters = await get('clustermgmt/v4.0/config/clusters');
    expect(clusters.map(({ config }) => (config as JsonObject)['clusterFunction'])).toEqual([
      ['AOS'],
      ['AOS'],
      ['PRISM_CENTRAL'],
    ]);
    expect(await get('clustermgmt/v4.0/config/hosts')).toHaveLength(8);
    expect(await get('clustermgmt/v4.0/config/storage-containers')).toHaveLength(2);
    const [subnet] = await get("networking/v4.0/config/subnets?$filter=name%20eq%20'vlan10'");
    expect(subnet).toMatchObject({
      subnetType: 'VLAN',
      networkId: 10,
      clusterReference: site.cluster,
      ipConfig: [{ ipv4: { ipSubnet: { prefixLength: 16 }, poolList: [{ startIp: { value: '10.10.0.50' } }] } }],
      ipUsage: { numMacs: expect.any(Number) },
    });
    const [image] = await get("vmm/v4.0/content/images?$filter=name%20eq%20'tiny-linux'");
    expect(image).toMatchObject({
      type: 'DISK_IMAGE',
      sizeBytes: 16 * 1024 * 1024,
      clusterLocationExtIds: expect.any(Array),
    });
  });

  it('cancels tasks', async () => {
    const uuid = await make('cancelled');
    await prism.holdClock();
    const answer = await v4.write('POST', uuid, '/$actions/power-on');
    const task = `/api/prism/v4.0/config/tasks/${String((answer.body['data'] as JsonObject)['extId'])}`;
    expect((await prism.call('POST', `${task}/$actions/cancel`)).status).toBe(202);
    await prism.endTasks();
    expect((await prism.call('GET', task)).body['data']).toMatchObject({ status: 'CANCELED' });
    expect(await v4.vm(uuid)).toMatchObject({ powerState: 'OFF' });
  });
});
