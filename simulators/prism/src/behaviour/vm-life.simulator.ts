import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, type Answer, stopAll } from '../testing/prism-process.ts';
import { makeVm, putVm, readVm, resourcesOf, siteOf, vmRequest, type Site } from '../testing/vm-spec.ts';

const NOWHERE = 'aaaaaaaa-0009-4000-8000-000000000009';
const messageOf = (answer: Answer): string => String((answer.body['message_list'] as JsonObject[])[0]?.['message']);
const nicsOf = (spec: JsonObject): JsonObject[] => resourcesOf(spec)['nic_list'] as JsonObject[];
const disksOf = (spec: JsonObject): JsonObject[] => resourcesOf(spec)['disk_list'] as JsonObject[];
const addressOf = (spec: JsonObject): string =>
  String(((nicsOf(spec)[0]?.['ip_endpoint_list'] as JsonObject[])[0] ?? {})['ip']);

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('the life of a VM in v3', () => {
  let prism: PrismProcess;
  let site: Site;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '0'] });
    site = await siteOf(prism);
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  const failing = async (name: string, resources: JsonObject): Promise<string> => {
    const answer = await prism.v3('POST', '/vms', vmRequest(site, name, resources));
    const task = await prism.done(answer);
    expect(task['status']).toBe('FAILED');
    const uuid = String((answer.body['metadata'] as JsonObject)['uuid']);
    expect((await prism.v3('GET', `/vms/${uuid}`)).status).toBe(404);
    return String(task['error_detail']);
  };

  it('comes up with the least that a request can hold', async () => {
    const answer = await prism.v3('POST', '/vms', { metadata: { kind: 'vm' }, spec: { name: 'least', resources: {} } });
    expect(await prism.done(answer)).toMatchObject({ status: 'SUCCEEDED' });
    const { spec } = await readVm(prism, String((answer.body['metadata'] as JsonObject)['uuid']));
    expect(spec).toMatchObject({
      resources: { num_sockets: 1, num_vcpus_per_socket: 1, memory_size_mib: 1024, power_state: 'OFF' },
    });
  });

  it('is PENDING with its request to show until the task ends, and not listed', async () => {
    await prism.holdClock();
    const answer = await prism.v3('POST', '/vms', vmRequest(site, 'pending'));
    const uuid = String((answer.body['metadata'] as JsonObject)['uuid']);
    const { status, spec } = await readVm(prism, uuid);
    const list = await prism.v3('POST', '/vms/list', { filter: 'vm_name==pending' });
    expect(status['state']).toBe('PENDING');
    expect(spec['name']).toBe('pending');
    expect(list.body['metadata']).toMatchObject({ total_matches: 0 });
    await prism.endTasks();
    expect((await readVm(prism, uuid)).status['state']).toBe('COMPLETE');
  });

  it('may share its name', async () => {
    await makeVm(prism, site, 'twin');
    await makeVm(prism, site, 'twin');
    const { body } = await prism.v3('POST', '/vms/list', { filter: 'vm_name==twin' });
    expect(body['metadata']).toMatchObject({ total_matches: 2 });
  });

  it('takes the size of its disk from the image, and refuses less in the task', async () => {
    const image = { data_source_reference: { kind: 'image', uuid: site.image } };
    const uuid = await makeVm(prism, site, 'sized', { disk_list: [image, { disk_size_mib: 100 }] });
    const { spec } = await readVm(prism, uuid);
    expect(disksOf(spec).map((disk) => disk['disk_size_bytes'])).toEqual([16 * 1024 * 1024, 100 * 1024 * 1024]);
    expect(disksOf(spec).map((disk) => disk['device_properties'])).toMatchObject([
      { disk_address: { adapter_type: 'SCSI', device_index: 0 } },
      { disk_address: { adapter_type: 'SCSI', device_index: 1 } },
    ]);
    expect(await failing('small', { disk_list: [{ ...image, disk_size_mib: 1 }] })).toContain('below');
    expect(await failing('unsized', { disk_list: [{ storage_config: {} }] })).toContain('INTERNAL_ERROR');
  });

  it('gets its addresses from the pool, keeps them while off, and gives them back at the end', async () => {
    const first = await makeVm(prism, site, 'ip-1');
    const second = await makeVm(prism, site, 'ip-2');
    const ip = addressOf((await readVm(prism, first)).spec);
    expect(ip).not.toBe(addressOf((await readVm(prism, second)).spec));
    const nic = (address: string): JsonObject => ({
      nic_list: [
        {
          subnet_reference: { kind: 'subnet', uuid: site.managed },
          ip_endpoint_list: [{ ip: address, type: 'ASSIGNED' }],
        },
      ],
    });
    expect(await failing('ip-taken', nic(ip))).toContain('already in use');
    expect(await failing('ip-outside', nic('10.99.0.1'))).toContain('not in subnet');
    expect(await failing('ip-gateway', nic('10.10.0.1'))).toContain('already in use');
    await prism.done(await prism.v3('DELETE', `/vms/${first}`));
    expect(addressOf((await readVm(prism, await makeVm(prism, site, 'ip-3', nic(ip)))).spec)).toBe(ip);
  });

  it('fails when the pool is used up', async () => {
    const subnet = await prism.v3('POST', '/subnets', {
      metadata: { kind: 'subnet' },
      spec: {
        name: 'narrow',
        cluster_reference: { kind: 'cluster', uuid: site.cluster },
        resources: {
          subnet_type: 'VLAN',
          vlan_id: 77,
          ip_config: {
            subnet_ip: '10.77.0.0',
            prefix_length: 29,
            default_gateway_ip: '10.77.0.1',
            pool_list: [{ range: '10.77.0.2 10.77.0.2' }],
          },
        },
      },
    });
    await prism.done(subnet);
    const uuid = String((subnet.body['metadata'] as JsonObject)['uuid']);
    const nics = { nic_list: [{ subnet_reference: { kind: 'subnet', uuid } }] };
    const holder = await makeVm(prism, site, 'narrow-1', nics);
    expect(await failing('narrow-2', nics)).toContain('RESOURCE_SHORTAGE');
    expect(await prism.done(await prism.v3('DELETE', `/subnets/${uuid}`))).toMatchObject({ status: 'FAILED' });
    await prism.done(await prism.v3('DELETE', `/vms/${holder}`));
    expect(await prism.done(await prism.v3('DELETE', `/subnets/${uuid}`))).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('learns its address late on a subnet without IP management, first a link-local one, and loses it with its power', async () => {
    await prism.knobs({
      'latency.scale': 1,
      'guest.addressDelay': [400, 400],
      'guest.linkLocalFirst': true,
      'latency.create': [0, 0],
      'latency.queued': [0, 0],
      'latency.power': [0, 0],
      'delays.scale': 1,
    });
    await prism.holdClock();
    const nics = { nic_list: [{ subnet_reference: { kind: 'subnet', uuid: site.unmanaged } }], power_state: 'ON' };
    const created = await prism.v3('POST', '/vms', vmRequest(site, 'learner', nics));
    const uuid = String((created.body['metadata'] as JsonObject)['uuid']);
    const seen: string[] = [];
    for (const ms of [0, 199, 1, 199, 1]) {
      await prism.advance(ms);
      seen.push(addressOf((await readVm(prism, uuid)).spec));
    }
    const linkLocal = expect.stringMatching(/^169\.254\./);
    expect(seen).toEqual(['undefined', 'undefined', linkLocal, linkLocal, expect.stringMatching(/^10\./)]);
    const { status, metadata } = await readVm(prism, uuid);
    expect(nicsOf(status)[0]?.['ip_endpoint_list']).toMatchObject([{ type: 'LEARNED' }]);
    expect(Number(metadata['entity_version'])).toBe(3);
    await prism.runClock();
    await prism.done(await prism.v3('POST', `/vms/${uuid}/acpi_shutdown`, {}));
    expect(addressOf((await readVm(prism, uuid)).spec)).toBe('undefined');
  });

  it('is powered by PUT with a mechanism, and by actions only off and around', async () => {
    const uuid = await makeVm(prism, site, 'powered');
    const put = (state: string, mechanism = 'HARD'): Promise<Answer> =>
      putVm(prism, uuid, (spec) => {
        resourcesOf(spec)['power_state'] = state;
        resourcesOf(spec)['power_state_mechanism'] = { mechanism };
      });
    const power = async (): Promise<unknown> => resourcesOf((await readVm(prism, uuid)).status)['power_state'];
    await prism.done(await put('ON'));
    expect(await power()).toBe('ON');
    await prism.done(await put('OFF', 'ACPI'));
    expect(await power()).toBe('OFF');
    await prism.done(await put('ON'));
    expect(await prism.done(await put('OFF', 'GUEST'))).toMatchObject({ status: 'FAILED' });
    expect(await power()).toBe('ON');
    await prism.control('POST', `/vms/${uuid}/guest`, { responsive: false });
    expect(await prism.done(await put('OFF', 'ACPI'))).toMatchObject({ status: 'FAILED' });
    expect((await readVm(prism, uuid)).status).toMatchObject({
      state: 'ERROR',
      message_list: [{ reason: 'INTERNAL_ERROR' }],
    });
    expect(await prism.done(await prism.v3('POST', `/vms/${uuid}/reset`, {}))).toMatchObject({ status: 'SUCCEEDED' });
    await prism.done(await put('OFF'));
    expect(await power()).toBe('OFF');
    const { events } = await prism.control('GET', `/vms/${uuid}/power`);
    const actions = ['on', 'acpiShutdown', 'on', 'reset', 'off'];
    expect(events).toMatchObject(actions.map((action, index) => ({ number: index + 1, action })));
    for (const path of ['power_on', 'power_off', 'set_power_state', 'migrate', 'suspend', 'console'])
      expect((await prism.v3('POST', `/vms/${uuid}/${path}`, {})).status).toBe(404);
  });

  it('takes some changes while it runs and fails the task of others, keeping its old values', async () => {
    const uuid = await makeVm(prism, site, 'hot', { power_state: 'ON', memory_size_mib: 2048 });
    const change = async (edit: (resources: JsonObject) => void): Promise<unknown> =>
      (await prism.done(await putVm(prism, uuid, (spec) => edit(resourcesOf(spec)))))['status'];
    expect(await change((resources) => (resources['num_sockets'] = 4))).toBe('SUCCEEDED');
    expect(await change((resources) => (resources['memory_size_mib'] = 1024))).toBe('FAILED');
    expect(resourcesOf((await readVm(prism, uuid)).spec)).toMatchObject({ num_sockets: 4, memory_size_mib: 2048 });
    await prism.knobs({ 'v3.hotChange': 'reject' });
    const refused = await putVm(prism, uuid, (spec) => (resourcesOf(spec)['memory_size_mib'] = 1024));
    expect([refused.status, messageOf(refused)]).toEqual([422, 'VM must be powered off to change memory_size_mib']);
  });

  it('loses the devices that a PUT leaves out, and needs is_connected on the others', async () => {
    const uuid = await makeVm(prism, site, 'devices', { disk_list: [{ disk_size_mib: 10 }, { disk_size_mib: 20 }] });
    const answer = await putVm(prism, uuid, (spec) => delete nicsOf(spec)[0]?.['is_connected']);
    expect([answer.status, messageOf(answer)]).toEqual([422, 'Must specify NIC is_connected during update.']);
    await prism.done(
      await putVm(prism, uuid, (spec) => {
        resourcesOf(spec)['disk_list'] = disksOf(spec).slice(1);
        resourcesOf(spec)['nic_list'] = [];
      }),
    );
    const { spec } = await readVm(prism, uuid);
    expect([disksOf(spec).length, disksOf(spec)[0]?.['disk_size_mib'], nicsOf(spec)]).toEqual([1, 20, []]);
  });

  it('is refused where the request contradicts itself or points nowhere', async () => {
    const post = (resources: JsonObject): Promise<Answer> => prism.v3('POST', '/vms', vmRequest(site, 'no', resources));
    const refused = async (resources: JsonObject): Promise<[number, string]> => {
      const answer = await post(resources);
      return [answer.status, messageOf(answer)];
    };
    expect(await refused({ boot_config: { boot_type: 'SECURE_BOOT' } })).toEqual([
      422,
      'Secure boot requires machine type Q35.',
    ]);
    const ide = { disk_size_mib: 1, device_properties: { disk_address: { adapter_type: 'IDE', device_index: 0 } } };
    expect(await refused({ machine_type: 'Q35', disk_list: [ide] })).toEqual([
      422,
      'Machine type Q35 does not support IDE disks.',
    ]);
    expect((await refused({ disk_list: [ide, ide] }))[1]).toContain('Duplicate disk address');
    expect((await refused({ nic_list: [{ subnet_reference: { kind: 'subnet', uuid: NOWHERE } }] }))[0]).toBe(422);
    expect((await refused({ guest_customization: { cloud_init: { user_data: '#cloud-config' } } }))[0]).toBe(500);
    const wrong = await post({ colour: 'blue', num_sockets: 0 });
    expect(wrong.body).toMatchObject({
      code: 422,
      message_list: [
        {
          reason: 'INVALID_REQUEST',
          details: {
            'spec.resources': ["Additional properties are not allowed ('colour' was unexpected)"],
            'spec.resources.num_sockets': ['0 is less than the minimum of 1'],
          },
        },
      ],
    });
    await prism.knobs({ 'v3.unknownReference': 'task' });
    expect(
      await failing('nowhere', { disk_list: [{ data_source_reference: { kind: 'image', uuid: NOWHERE } }] }),
    ).toContain('not found');
  });

  it('has categories that exist, by mapping or plain', async () => {
    const request = vmRequest(site, 'tagged');
    const metadata = {
      kind: 'vm',
      use_categories_mapping: true,
      categories_mapping: { Environment: ['Dev', 'Testing'] },
    };
    const answer = await prism.v3('POST', '/vms', { ...request, metadata });
    await prism.done(answer);
    const { metadata: read } = await readVm(prism, String((answer.body['metadata'] as JsonObject)['uuid']));
    expect(read).toMatchObject({
      categories: { Environment: 'Dev' },
      categories_mapping: { Environment: ['Dev', 'Testing'] },
    });
    const unknown = { kind: 'vm', categories: { Environment: 'Mars' } };
    expect((await prism.v3('POST', '/vms', { ...request, metadata: unknown })).status).toBe(422);
  });

  it('gives guest customization back as it came', async () => {
    const guest_customization = { cloud_init: { user_data: Buffer.from('#cloud-config\n').toString('base64') } };
    const uuid = await makeVm(prism, site, 'cloudy', { guest_customization });
    expect(resourcesOf((await readVm(prism, uuid)).spec)['guest_customization']).toEqual(guest_customization);
  });

  it('finds no host when it is too big for all of them', async () => {
    expect(await failing('huge', { memory_size_mib: 2_000_000, power_state: 'ON' })).toContain('NoHostResources');
  });

  it('changes and releases addresses by action', async () => {
    const uuid = await makeVm(prism, site, 'moving');
    const nic = String(nicsOf((await readVm(prism, uuid)).spec)[0]?.['uuid']);
    const update = { update_list: [{ uuid: nic, ip: '10.10.200.7' }] };
    await prism.done(await prism.v3('PUT', `/vms/${uuid}/update_ip`, update));
    expect(addressOf((await readVm(prism, uuid)).spec)).toBe('10.10.200.7');
    await prism.done(await prism.v3('PUT', `/vms/${uuid}/release_ip`, { nic_uuid_list: [nic] }));
    expect(addressOf((await readVm(prism, uuid)).spec)).toBe('undefined');
  });

  it('keeps recovery points after it is gone', async () => {
    const uuid = await makeVm(prism, site, 'mortal');
    const [point] = (await prism.done(await prism.v3('POST', `/vms/${uuid}/snapshot`, {})))[
      'entity_reference_list'
    ] as JsonObject[];
    const rp = String(point?.['uuid']);
    await prism.done(await prism.v3('DELETE', `/vms/${uuid}`));
    const { body } = await prism.v3('POST', '/vm_recovery_points/list', { filter: `entity_uuid==${uuid}` });
    expect(body['metadata']).toMatchObject({ total_matches: 1 });
    const read = await prism.v3('GET', `/vm_recovery_points/${rp}`);
    expect(read.body).toMatchObject({
      status: { resources: { recovery_point_type: 'CRASH_CONSISTENT', parent_vm_reference: { kind: 'vm', uuid } } },
    });
    expect(await prism.done(await prism.v3('POST', `/vm_recovery_points/${rp}/restore`, {}))).toMatchObject({
      status: 'SUCCEEDED',
    });
    await prism.done(await prism.v3('DELETE', `/vm_recovery_points/${rp}`));
    expect((await prism.v3('GET', `/vm_recovery_points/${rp}`)).status).toBe(404);
    await prism.knobs({ 'v3.internalPaths': false });
    expect((await prism.v3('POST', '/vm_recovery_points/list', {})).status).toBe(404);
  });
});
