import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, stopAll } from '../testing/prism-process.ts';
import { differences } from '../testing/shape.ts';
import { makeVm, siteOf } from '../testing/vm-spec.ts';
import * as golden from './v3-examples.ts';

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('v3 infrastructure and metrics, as the golden examples have them', () => {
  let prism: PrismProcess;
  beforeAll(async () => {
    prism = await PrismProcess.start({ args: ['--seed-vms', '12'], knobs: { 'v3.webhooks': true } });
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  const attributes = [
    'vm_name',
    'power_state',
    'hypervisor_cpu_usage_ppm',
    'memory_usage_ppm',
    'controller_num_read_iops',
    'hypervisor_num_received_bytes',
    'num_vcpus',
  ];

  it('G21: answers groups with texts as values, microseconds as times and samples on a grid of 30 s', async () => {
    await prism.holdClock();
    const now = await prism.now();
    const answer = await prism.v3('POST', '/groups', {
      entity_type: 'mh_vm',
      group_member_count: 100,
      group_member_offset: 0,
      group_member_sort_attribute: 'vm_name',
      group_member_sort_order: 'ASCENDING',
      filter_criteria: 'power_state==on',
      group_member_attributes: attributes.map((attribute) => ({ attribute })),
    });
    expect(answer.status).toBe(200);
    expect(differences(answer.body, golden.G21)).toEqual([]);
    expect(answer.body).toMatchObject({ filtered_entity_count: 8, total_entity_count: 12, total_group_count: 1 });
    const [group] = answer.body['group_results'] as JsonObject[];
    const entities = group?.['entity_results'] as JsonObject[];
    expect(entities).toHaveLength(8);
    for (const entity of entities) {
      const data = entity['data'] as {
        name: string;
        data_type: string;
        values: { time: number; values: string[] }[];
      }[];
      expect(data.map(({ name }) => name)).toEqual(attributes);
      const cpu = data.find(({ name }) => name === 'hypervisor_cpu_usage_ppm');
      expect(cpu?.data_type).toBe('int64');
      expect(cpu?.values[0]?.time).toBeGreaterThan((now - 60_000) * 1000);
      expect((cpu?.values[0]?.time ?? 1) % 30_000_000).toBe(0);
      expect(Number(cpu?.values[0]?.values[0])).toBeGreaterThan(0);
      expect(data.find(({ name }) => name === 'power_state')?.values[0]?.values).toEqual(['on']);
    }
  });

  it('G21: has no group when nothing matches', async () => {
    const { body } = await prism.v3('POST', '/groups', {
      entity_type: 'mh_vm',
      filter_criteria: 'vm_name==nobody',
      group_member_attributes: [{ attribute: 'vm_name' }],
    });
    expect(body).toMatchObject({ filtered_entity_count: 0, total_entity_count: 12, group_results: [] });
  });

  it('G21: cuts the members of a group to what one answer may hold, and counts all', async () => {
    await prism.knobs({ 'v3.maxGroupMembers': 5 });
    const page = async (offset: number): Promise<unknown[]> => {
      const { body } = await prism.v3('POST', '/groups', {
        entity_type: 'mh_vm',
        group_member_count: 500,
        group_member_offset: offset,
        group_member_sort_attribute: 'vm_name',
        group_member_attributes: [{ attribute: 'vm_name' }],
      });
      expect(body['filtered_entity_count']).toBe(12);
      const [group] = body['group_results'] as { entity_results: JsonObject[] }[];
      return group?.entity_results.map((entity) => entity['entity_id']) ?? [];
    };
    const pages = [await page(0), await page(5), await page(10), await page(12)];
    expect(pages.map((ids) => ids.length)).toEqual([5, 5, 2, 0]);
    expect(new Set(pages.flat()).size).toBe(12);
  });

  it('G21: has no samples of a VM that is off, and one value for each 30 s of an interval', async () => {
    const ask = (extra: JsonObject) =>
      prism.v3('POST', '/groups', {
        entity_type: 'vm',
        group_member_attributes: [{ attribute: 'memory_usage_ppm', operation: 'AVG' }],
        ...extra,
      });
    const valuesOf = (body: JsonObject): { time: number; values: string[] }[][] =>
      ((body['group_results'] as JsonObject[])[0]?.['entity_results'] as JsonObject[]).map(
        (entity) => (entity['data'] as JsonObject[])[0]?.['values'] as { time: number; values: string[] }[],
      );
    const off = await ask({ filter_criteria: 'power_state==off' });
    expect(valuesOf(off.body).length).toBe(4);
    expect(valuesOf(off.body).every((values) => values.length === 0)).toBe(true);

    const end = Math.floor((await prism.now()) / 30_000) * 30_000;
    const on = await ask({
      filter_criteria: 'power_state==on',
      interval_start_ms: end - 300_000,
      interval_end_ms: end,
    });
    for (const values of valuesOf(on.body)) expect(values).toHaveLength(11);
    const coarse = await ask({
      filter_criteria: 'power_state==on',
      interval_start_ms: end - 3_600_000,
      interval_end_ms: end,
      downsampling_interval: 600,
    });
    for (const values of valuesOf(coarse.body)) expect(values.length).toBeGreaterThanOrEqual(6);
  });

  it('G23: lists clusters with only kind and total in the metadata, and Prism Central among them', async () => {
    const { status, body } = await prism.v3('POST', '/clusters/list', {});
    expect(status).toBe(200);
    expect(body['metadata']).toEqual({ kind: 'cluster', total_matches: 3 });
    const clusters = body['entities'] as JsonObject[];
    const [first, , central] = clusters;
    expect(differences(first, golden.G23_CLUSTER)).toEqual([]);
    const servers = (((first?.['status'] as JsonObject)['resources'] as JsonObject)['nodes'] as JsonObject)[
      'hypervisor_server_list'
    ];
    expect(servers).toContainEqual({ ip: '127.0.0.1', type: 'AHV', version: '' });
    expect(central).toMatchObject({
      spec: { name: 'Unnamed', resources: {} },
      status: { resources: { config: { service_list: ['PRISM_CENTRAL'] } } },
    });
    expect((central?.['status'] as { resources: JsonObject }).resources['nodes']).toBeUndefined();
  });

  it('G23: lists subnets with what is used of their addresses', async () => {
    const { body } = await prism.v3('POST', '/subnets/list', {});
    expect(body['metadata']).toEqual({ kind: 'subnet', offset: 0, length: 4, total_matches: 4 });
    const subnets = body['entities'] as JsonObject[];
    const named = (name: string): JsonObject | undefined =>
      subnets.find((subnet) => (subnet['status'] as JsonObject)['name'] === name);
    expect(differences(named('vlan10'), golden.G23_SUBNET)).toEqual([]);
    const unmanaged = (named('vlan20-unmanaged')?.['status'] as JsonObject)['resources'] as JsonObject;
    expect(unmanaged['ip_config']).toBeUndefined();
    expect(unmanaged['ip_usage_stats']).toBeUndefined();
    const overlay = named('overlay-dev')?.['status'] as JsonObject;
    expect(overlay['cluster_reference']).toBeUndefined();
    expect(overlay['resources']).toMatchObject({ subnet_type: 'OVERLAY', vpc_reference: { kind: 'vpc' } });
  });

  it('says that it is a Prism Central', async () => {
    const { status, body } = await prism.v3('GET', '/prism_central');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      resources: { type: 'PC', version: 'pc.7.5.1.4', pc_vm_list: [{ status: 'NORMAL' }] },
    });
  });

  it('lists hosts in full whatever the paging', async () => {
    const { body } = await prism.v3('POST', '/hosts/list', { length: 1, offset: 3 });
    expect(body['metadata']).toMatchObject({ offset: 0, length: 9, total_matches: 9 });
    const [host] = body['entities'] as JsonObject[];
    expect(host?.['status']).toMatchObject({
      cluster_reference: { kind: 'cluster', uuid: expect.any(String) },
      resources: { num_cpu_sockets: 2, hypervisor: { num_vms: expect.any(Number), ip: expect.any(String) } },
    });
    const nameless = (body['entities'] as { status: JsonObject }[]).filter(
      ({ status }) => status['name'] === undefined,
    );
    expect(nameless).toMatchObject([
      { status: { cluster_reference: { uuid: '0006aaaa-0000-0000-0000-0000000000cc' } } },
    ]);
  });

  it('lists projects and flat categories, and keeps categories without tasks', async () => {
    const projects = await prism.v3('POST', '/projects/list', { kind: 'project' });
    const names = (projects.body['entities'] as { status: { name: string } }[]).map(({ status }) => status.name);
    expect(names).toEqual(['_internal', 'demo']);
    const categories = await prism.v3('POST', '/categories/list', { kind: 'category' });
    expect((categories.body['entities'] as JsonObject[])[0]).toEqual({
      api_version: '3.1',
      name: 'Environment',
      system_defined: true,
      capabilities: { cardinality: 64 },
    });
    expect((await prism.v3('PUT', '/categories/Team', { name: 'Team' })).status).toBe(201);
    expect((await prism.v3('PUT', '/categories/Team', { name: 'Team', description: 'x' })).status).toBe(200);
    expect((await prism.v3('PUT', '/categories/Team/blue', { value: 'blue' })).status).toBe(201);
    const values = await prism.v3('POST', '/categories/Team/list', {});
    expect(values.body['entities']).toEqual([
      { api_version: '3.1', name: 'Team', value: 'blue', system_defined: false },
    ]);
    const deleted = await prism.v3('DELETE', '/categories/Team/blue');
    expect([deleted.status, deleted.text]).toEqual([200, '']);
    expect((await prism.v3('GET', '/categories/Team/blue')).status).toBe(404);
  });

  describe('G24', () => {
    const received: JsonObject[] = [];
    let sink: Server;
    let heard: () => void = () => undefined;
    beforeAll(async () => {
      sink = createServer((request, response) => {
        let text = '';
        request.on('data', (chunk) => (text += String(chunk)));
        request.on('end', () => {
          received.push(JSON.parse(text) as JsonObject);
          response.end();
          heard();
        });
      });
      await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => new Promise((resolve) => sink.close(resolve)));

    it('tells a webhook of the power-on it asked for', async () => {
      const post_url = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
      const webhook = await prism.v3('POST', '/webhooks', {
        metadata: { kind: 'webhook' },
        spec: { name: 'events', resources: { post_url, events_filter_list: ['VM.ON'] } },
        api_version: '3.0',
      });
      await prism.done(webhook);
      const delivery = new Promise<void>((resolve) => (heard = resolve));
      const uuid = await makeVm(prism, await siteOf(prism), 'watched', { power_state: 'ON' });
      await delivery;
      expect(received).toHaveLength(1);
      expect(differences(received[0], golden.G24)).toEqual([]);
      expect(received[0]).toMatchObject({ event_type: 'VM.ON', entity_reference: { kind: 'vm', uuid } });
      // Others count the VMs there are.
      expect(await prism.done(await prism.v3('DELETE', `/vms/${uuid}`))).toMatchObject({ status: 'SUCCEEDED' });
    });

    it('refuses events that do not exist, and is not there on releases without webhooks', async () => {
      const resources = { post_url: 'http://127.0.0.1:9/', events_filter_list: ['VM.EXPLODE'] };
      const request = { metadata: { kind: 'webhook' }, spec: { name: 'x', resources } };
      const { body } = await prism.v3('POST', '/webhooks', request);
      expect(body['message_list']).toMatchObject([{ reason: 'INCORRECT_EVENTS_FILTER' }]);
      await prism.knobs({ 'v3.webhooks': false });
      expect((await prism.v3('POST', '/webhooks', request)).status).toBe(404);
    });
  });
});
