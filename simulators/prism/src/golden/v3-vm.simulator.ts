import { without } from '../without.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../json.ts';
import { PrismProcess, taskUuidOf, type Answer, stopAll } from '../testing/prism-process.ts';
import { differences } from '../testing/shape.ts';
import { makeVm, putVm, readVm, siteOf, vmRequest, type Site } from '../testing/vm-spec.ts';
import * as golden from './v3-examples.ts';

// Processes are started and keys made, on machines that have more to do.
jest.setTimeout(180_000);

describe('v3 VMs, as the golden examples have them', () => {
  let prism: PrismProcess;
  let site: Site;
  let created: Answer;
  let uuid: string;

  beforeAll(async () => {
    prism = await PrismProcess.start();
    site = await siteOf(prism);
    created = await prism.v3('POST', '/vms', vmRequest(site, 'web-golden'));
    await prism.done(created);
    uuid = String((created.body['metadata'] as JsonObject)['uuid']);
  });
  afterEach(() => prism.reset());
  afterAll(stopAll);

  it('G1: accepts a create, echoes the spec and names one task', () => {
    expect(created.status).toBe(202);
    expect(differences(created.body, golden.G1)).toEqual([]);
    expect(created.body['spec']).toEqual(vmRequest(site, 'web-golden')['spec']);
    expect((created.body['status'] as JsonObject)['state']).toBe('PENDING');
    expect(created.headers['content-type']).toBe('application/json');
  });

  it('G2: accepts an update and raises entity_version', async () => {
    const own = await makeVm(prism, site, 'golden-update');
    const answer = await putVm(prism, own, (spec) => void (spec['description'] = 'changed'));
    expect(answer.status).toBe(202);
    expect(differences(answer.body, golden.G1)).toEqual([]);
    await prism.done(answer);
    const { metadata, spec } = await readVm(prism, own);
    expect(metadata['entity_version']).toBe('2');
    expect(metadata['spec_version']).toBe(0);
    expect(spec['description']).toBe('changed');
  });

  it('G3: reads a VM with all its defaults, off, and with the address it was given', async () => {
    const answer = await prism.v3('GET', `/vms/${uuid}`);
    expect(answer.status).toBe(200);
    expect(differences(answer.body, golden.G3)).toEqual([]);
    const spec = answer.body['spec'] as JsonObject;
    const { disk_list: disks, nic_list: nics, ...scalars } = spec['resources'] as JsonObject;
    const expected = without(golden.G3_SPEC_RESOURCES, 'disk_list', 'nic_list');
    expect(scalars).toEqual(expected);
    const [disk] = disks as JsonObject[];
    expect(disk).toMatchObject({
      device_properties: { device_type: 'DISK', disk_address: { adapter_type: 'SCSI', device_index: 0 } },
      disk_size_mib: 8192,
      disk_size_bytes: 8589934592,
    });
    const [nic] = nics as JsonObject[];
    expect(nic?.['mac_address']).toMatch(/^50:6b:8d:/);
    expect(nic?.['ip_endpoint_list']).toEqual([{ type: 'ASSIGNED', ip: expect.stringMatching(/^10\.10\.0\.\d+$/) }]);
    const metadata = answer.body['metadata'] as JsonObject;
    expect(metadata).toMatchObject({ spec_version: 0, entity_version: '1', categories: {}, categories_mapping: {} });
    const status = answer.body['status'] as JsonObject;
    expect((status['resources'] as JsonObject)['bios_uuid']).toBe(uuid);
  });

  it('G3: shows the host of a VM that is on, named by its address', async () => {
    const on = await makeVm(prism, site, 'golden-on', { power_state: 'ON' });
    const { status } = await readVm(prism, on);
    expect((status['resources'] as JsonObject)['host_reference']).toEqual({
      kind: 'host',
      uuid: expect.any(String),
      name: expect.stringMatching(/^10\.0\.0\.\d+$/),
    });
  });

  it('G4: lists by filter and sort, and echoes what was asked', async () => {
    const query = {
      kind: 'vm',
      length: 100,
      offset: 0,
      filter: 'vm_name==web-golden',
      sort_attribute: 'name',
      sort_order: 'ASCENDING',
    };
    const answer = await prism.v3('POST', '/vms/list', query);
    expect(answer.status).toBe(200);
    expect(differences(answer.body, golden.G4)).toEqual([]);
    expect(answer.body['metadata']).toEqual({ ...query, length: 1, total_matches: 1 });
    const [entity] = answer.body['entities'] as JsonObject[];
    expect((entity?.['metadata'] as JsonObject)['spec_hash']).toBe('0'.repeat(50));
  });

  it('G4: finds nothing with empty entities', async () => {
    const { body } = await prism.v3('POST', '/vms/list', { filter: 'vm_name==nobody' });
    expect(body).toMatchObject({ metadata: { length: 0, total_matches: 0 }, entities: [] });
  });

  it('G5: reads a task that has succeeded', async () => {
    const answer = await prism.v3('GET', `/tasks/${taskUuidOf(created.body)}`);
    expect(answer.status).toBe(200);
    expect(differences(answer.body, golden.G5)).toEqual([]);
    expect(answer.body).toMatchObject({
      status: 'SUCCEEDED',
      percentage_complete: 100,
      logical_timestamp: 2,
      operation_type: 'create_vm_intentful',
      entity_reference_list: [{ kind: 'vm', uuid }],
      subtask_reference_list: [],
    });
  });

  it('G6: fails the task that powers off a VM that is off', async () => {
    const own = await makeVm(prism, site, 'golden-off');
    const task = await prism.done(await putVm(prism, own, () => undefined));
    expect(task).toMatchObject({ status: 'FAILED', error_detail: 'INTERNAL_ERROR: ErrorCode: 9', error_code: '500' });
  });

  it('G7: deletes in two steps, and then knows nothing of the VM', async () => {
    const own = await makeVm(prism, site, 'golden-delete');
    await prism.holdClock();
    const answer = await prism.v3('DELETE', `/vms/${own}`);
    const meanwhile = await readVm(prism, own);
    await prism.endTasks();
    expect(answer.status).toBe(202);
    expect(differences(answer.body, golden.G7)).toEqual([]);
    expect(answer.body['spec']).toBe('');
    expect(meanwhile.status['state']).toBe('DELETE_PENDING');
    expect(await prism.done(answer)).toMatchObject({ status: 'SUCCEEDED', operation_type: 'delete_vm_intentful' });
    expect((await prism.v3('GET', `/vms/${own}`)).status).toBe(404);
  });

  it('G8: shuts down by ACPI, and takes a task UUID as a token against repeats', async () => {
    const own = await makeVm(prism, site, 'golden-acpi', { power_state: 'ON' });
    const token = '11111111-2222-4333-8444-555555555555';
    const answer = await prism.v3('POST', `/vms/${own}/acpi_shutdown`, { task_uuid: token });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ task_uuid: token });
    await prism.done(answer);
    expect((await prism.v3('POST', `/vms/${own}/acpi_shutdown`, { task_uuid: token })).body).toEqual({
      task_uuid: token,
    });
    expect((await readVm(prism, own)).status['resources']).toMatchObject({ power_state: 'OFF' });
    expect((await prism.v3('POST', `/vms/${own}/acpi_shutdown`, {})).body).toEqual({ task_uuid: expect.any(String) });
  });

  it('G9: clones with overrides, and names the new VM first in the task', async () => {
    const answer = await prism.v3('POST', `/vms/${uuid}/clone`, {
      override_spec: { name: 'web-copy', num_sockets: 2 },
    });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ task_uuid: expect.any(String) });
    const task = await prism.done(answer);
    const [entity] = task['entity_reference_list'] as JsonObject[];
    const copy = await readVm(prism, String(entity?.['uuid']));
    expect(copy.spec).toMatchObject({ name: 'web-copy', resources: { num_sockets: 2, power_state: 'OFF' } });
    const source = await readVm(prism, uuid);
    const macs = [copy, source].map(
      ({ spec }) => ((spec['resources'] as JsonObject)['nic_list'] as JsonObject[])[0]?.['mac_address'],
    );
    expect(macs[0]).not.toBe(macs[1]);
  });

  it('G10: snapshots, restores to a new VM, and reverts in place', async () => {
    const own = await makeVm(prism, site, 'golden-snapshot');
    const body = { name: 'before-upgrade', recovery_point_type: 'CRASH_CONSISTENT' };
    const snapshot = await prism.v3('POST', `/vms/${own}/snapshot`, body);
    expect(snapshot.body).toEqual({ task_uuid: expect.any(String) });
    const [point] = (await prism.done(snapshot))['entity_reference_list'] as JsonObject[];
    const rp = String(point?.['uuid']);

    await prism.done(await putVm(prism, own, (spec) => void ((spec['resources'] as JsonObject)['num_sockets'] = 4)));
    const restore = await prism.v3('POST', `/vm_recovery_points/${rp}/restore`, {
      vm_override_spec: { name: 'web-restored' },
    });
    expect(restore.body).toEqual({ task_uuid: expect.any(String) });
    const [restored] = (await prism.done(restore))['entity_reference_list'] as JsonObject[];
    expect((await readVm(prism, String(restored?.['uuid']))).spec).toMatchObject({
      name: 'web-restored',
      resources: { num_sockets: 1 },
    });

    const before = await readVm(prism, own);
    const revert = await prism.v3('POST', `/vms/${own}/revert`, { vm_recovery_point_uuid: rp });
    expect(revert.body).toEqual({ task_uuid: expect.any(String) });
    expect(await prism.done(revert)).toMatchObject({ status: 'SUCCEEDED' });
    const after = await readVm(prism, own);
    expect(after.spec).toMatchObject({ resources: { num_sockets: 1 } });
    expect((after.spec['resources'] as JsonObject)['nic_list']).toEqual(
      (before.spec['resources'] as JsonObject)['nic_list'],
    );
  });

  it('G11: refuses an edit of a version that is no longer there', async () => {
    const answer = await putVm(prism, uuid, (_spec, metadata) => void (metadata['entity_version'] = '77'));
    expect(answer.status).toBe(409);
    expect(differences(answer.body, golden.G11)).toEqual([]);
    expect(answer.body).toEqual(golden.G11);
  });

  it('G12: does not know the VM', async () => {
    const answer = await prism.v3('GET', '/vms/aaaaaaaa-0009-4000-8000-000000000009');
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual(golden.G12);
  });

  it('G13: asks for a login', async () => {
    const answer = await prism.v3('POST', '/vms/list', {}, { auth: false });
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual(golden.G13);
  });

  it('G14: names the missing property', async () => {
    const { spec } = vmRequest(site, 'x') as { spec: JsonObject };
    const answer = await prism.v3('POST', '/vms', { spec });
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual(golden.G14);
  });
});
