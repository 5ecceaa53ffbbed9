import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { CreateVm, ProblemError, type NativeId } from '@polyvirt/contracts';
import { isReadable, type OperationContext } from '@polyvirt/hypervisor';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import { objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import type { PrismDriver } from './prism.driver.ts';
import { CLUSTER, driverOn } from './testing/prism-bench.ts';
import { disguise, undisguise } from './testing/other-tool.ts';
import { PrismSimulator } from './testing/prism-simulator.ts';

const forever = new AbortController().signal;
const GROUP = { kind: 'volume_group' };

let simulator: PrismSimulator;
let driver: PrismDriver;
const disguised: string[] = [];

beforeAll(async () => {
  simulator = await PrismSimulator.start({ args: ['--seed-vms', '8'] });
  driver = driverOn(simulator);
}, 120_000);

afterEach(async () => {
  for (const uuid of disguised.splice(0)) await undisguise(simulator, uuid);
  await simulator.reset();
});

afterAll(async () => {
  await driver.close();
  await simulator.stop();
});

const run = <Result>(method: (context: OperationContext) => Promise<Result>) => new TestOperation().run(method);
const get = (id: NativeId) => driver.get(id, forever);
const force = { force: true, timeoutSeconds: 5 };
const body = (input: object = {}) =>
  CreateVm.parse({ name: `odd-${randomUUID()}`, memoryMiB: 64, disks: [{ sizeGiB: 1 }], ...input });
const make = async (input: object = {}) => (await run((context) => driver.create(body(input), context))).nativeId;
const remove = (id: NativeId) => run((context) => driver.delete(id, { disks: 'delete' }, context));
const entity = (id: NativeId) => simulator.v3('GET', `/vms/${id}`);
const resources = async (id: NativeId) => objectAt(objectAt(await entity(id), 'spec'), 'resources');
async function named(kind: string, name: string): Promise<string> {
  const found = (await simulator.list(kind)).find((one) => textAt(objectAt(one, 'status'), 'name') === name);
  return textAt(objectAt(found, 'metadata'), 'uuid') ?? '';
}
async function disguiseAs(uuid: string, look: JsonObject): Promise<void> {
  disguised.push(uuid);
  await disguise(simulator, uuid, look);
}

describe('one odd entity', () => {
  const nonsense: JsonObject[] = [
    { status: null, spec: null },
    { status: 7, spec: [] },
    { status: { resources: null, name: 5 }, spec: { resources: 'none', name: null } },
    { metadata: { creation_time: 'yesterday', categories: 4 }, status: { resources: [] } },
  ];
  const kinds = ['vms', 'images', 'subnets', 'clusters', 'hosts', 'vm_recovery_points', 'tasks'];

  it.each(kinds)('among the %s of a Prism Central stops nothing', async (kind) => {
    const beside = await make({ nics: [{ network: 'vlan10' }], start: true });
    const { snapshot } = await run((context) => driver.snapshots.create(beside, { name: 'a', memory: false }, context));
    const [odd] = (await simulator.list(kind)).map(
      (one) => textAt(objectAt(one, 'metadata'), 'uuid') ?? textAt(one, 'uuid')!,
    );
    const before = (await driver.list(forever)).length;
    for (const look of nonsense) {
      await disguiseAs(odd!, look);
      const listed = await driver.list(forever);
      expect(listed).toHaveLength(before);
      expect(listed.filter((vm) => !isReadable(vm)).length).toBeLessThanOrEqual(kind === 'vms' ? 1 : 0);
      expect(await get(beside)).toMatchObject({ state: 'running', nics: [{ network: expect.any(String) }] });
      expect((await driver.probe(forever)).health.status).toBe('healthy');
      await driver.images.list(forever);
      await driver.images.templates(forever);
      await driver.networks.list(forever);
      expect((await driver.metrics.sweep(forever)).map(({ nativeId }) => nativeId)).toContain(beside);
    }
    // What is made, changed and deleted beside it looks at all of them.
    if (!['clusters', 'hosts'].includes(kind)) {
      const other = await make({ nics: [{ network: 'vlan110', mac: '52:54:00:00:00:01' }] });
      await run((context) => driver.reconfigure.apply(other, { name: `odd-${randomUUID()}`, cpus: 2 }, context));
      await remove(other);
    }
    if (kind !== 'vm_recovery_points')
      expect((await get(beside)).snapshots).toMatchObject([{ id: snapshot, state: 'running' }]);
    await undisguise(simulator, odd!);
    await run((context) => driver.stop(beside, force, context));
    await remove(beside);
  });

  it('that Prism Central shows nothing of is listed as what it is, and `get` says the same', async () => {
    const id = await named('vms', 'web-01');
    await disguiseAs(id, { spec: { resources: null }, status: { resources: null } });
    const found = (await driver.list(forever)).find((vm) => vm.nativeId === id);
    expect(found).toEqual({ nativeId: id, name: 'web-01', unreadable: expect.stringMatching(/Prism Central/) });
    const { message } = await expectProblem('host-rejected', get(id));
    expect(found).toHaveProperty('unreadable', message);
  });

  it('that is missing from the list and not to be had by itself keeps no other from being listed', async () => {
    const all = await driver.list(forever);
    const id = await named('vms', 'web-01');
    await simulator.fault({
      method: 'GET',
      path: `/api/nutanix/v3/vms/${id}`,
      effect: { kind: 'status', status: 500 },
    });
    // A list that leaves it out: its entry has no id.
    await disguiseAs(id, { metadata: { uuid: null } });
    const listed = await driver.list(forever);
    expect(listed).toHaveLength(all.length);
    expect(listed.find((vm) => vm.nativeId === id)).toMatchObject({ unreadable: expect.stringMatching(/500|cannot/) });
  });
});

it('reads VMs as they were met in the field', async () => {
  const looks: Record<string, JsonObject> = {
    'web-01': {
      status: { resources: { num_sockets: 2, num_vcpus_per_socket: 2, num_threads_per_core: 2 } },
    },
    'db-01': {
      status: {
        resources: { nic_list: null, disk_list: null, host_reference: null, boot_config: null, guest_tools: null },
      },
      metadata: { categories: null, categories_mapping: null, owner_reference: null, creation_time: null },
    },
    'app-01': { status: { resources: { power_state: 'SUSPENDED' } } },
    'cache-01': { status: { resources: { power_state: 'UNKNOWN' } } },
    'k8s-01': { status: { state: 'ERROR', message_list: [{ message: 'x', reason: 'y' }], resources: null } },
  };
  for (const [name, look] of Object.entries(looks)) await disguiseAs(await named('vms', name), look);
  const vms = new Map((await driver.list(forever)).filter(isReadable).map((vm) => [vm.name, vm]));
  expect(vms.get('web-01')).toMatchObject({ cpus: 8 });
  expect(vms.get('db-01')).toMatchObject({ disks: [], nics: [], cpus: expect.any(Number) });
  expect(vms.get('db-01')).not.toHaveProperty('createdAt');
  expect(vms.get('app-01')).toMatchObject({ state: 'suspended' });
  expect(vms.get('cache-01')).toMatchObject({ state: 'unknown' });
  expect(vms.get('k8s-01')).toMatchObject({ state: 'unknown', cpus: expect.any(Number) });
});

it('advises for VMs that other tools have paused or suspended what can be done here', async () => {
  const id = await named('vms', 'web-01');
  const refusal = async (state: string, method: (context: OperationContext) => Promise<unknown>) => {
    await disguiseAs(id, { status: { resources: { power_state: state } } });
    return (await expectProblem('wrong-state', new TestOperation().run(method))).message;
  };
  const graceful = { force: false, timeoutSeconds: 1 };
  expect(await refusal('PAUSED', (context) => driver.start(id, context))).toContain('tool of its hypervisor');
  expect(await refusal('PAUSED', (context) => driver.stop(id, graceful, context))).toContain('stop it with force');
  expect(await refusal('SUSPENDED', (context) => driver.stop(id, graceful, context))).toContain('start it first');
});

it('keeps all of a VM that it knows nothing of, through every change', async () => {
  const id = await make({ nics: [{ network: 'vlan10' }] });
  await simulator.edit(id, (spec) => {
    Object.assign(objectAt(spec, 'resources'), {
      machine_type: 'Q35',
      boot_config: { boot_type: 'SECURE_BOOT' },
      vtpm_config: { vtpm_enabled: true },
      gpu_list: [{ vendor: 'NVIDIA', mode: 'VIRTUAL', device_id: 44 }],
      serial_port_list: [{ index: 0, is_connected: true }],
      num_threads_per_core: 2,
    });
  });
  const vm = await entity(id);
  await simulator.done(
    await simulator.v3('PUT', `/vms/${id}`, {
      metadata: {
        ...objectAt(vm, 'metadata'),
        use_categories_mapping: true,
        categories_mapping: { Environment: ['Dev', 'Production'], AppTier: ['Web'] },
      },
      spec: vm['spec'],
    }),
  );
  const kept = async () => {
    const [now, { metadata }] = [await resources(id), await entity(id)];
    const { machine_type, boot_config, vtpm_config, gpu_list, serial_port_list } = now;
    const [nic] = objectsAt(now, 'nic_list');
    return {
      hardware: { machine_type, boot_config, vtpm_config, gpu_list, serial_port_list },
      categories: objectAt(metadata as JsonObject, 'categories_mapping'),
      project: objectAt(metadata as JsonObject, 'project_reference'),
      nic: [nic?.['uuid'], nic?.['mac_address'], nic?.['subnet_reference']],
      disks: objectsAt(now, 'disk_list').map((disk) => disk['uuid']),
    };
  };
  const before = await kept();
  expect(before.categories).toEqual({ Environment: ['Dev', 'Production'], AppTier: ['Web'] });
  const changes: ((context: OperationContext) => Promise<unknown>)[] = [
    (context) => driver.start(id, context),
    (context) => driver.reconfigure.apply(id, { memoryMiB: 128 }, context),
    (context) => driver.restart(id, force, context),
    (context) => driver.reset(id, context),
    (context) => driver.stop(id, force, context),
    (context) => driver.reconfigure.apply(id, { name: `odd-${randomUUID()}`, cpus: 6 }, context),
    (context) => driver.reconfigure.apply(id, { disks: [{ device: 'scsi:0', sizeGiB: 3 }] }, context),
  ];
  for (const change of changes) {
    await run(change);
    expect(await kept()).toEqual(before);
  }
  expect(await get(id)).toMatchObject({ cpus: 6, memoryMiB: 128, disks: [{ device: 'scsi:0', sizeGiB: 3 }] });
  await remove(id);
});

it('wakes no VM whose guest shut it down while it was being renamed', async () => {
  const id = await make({ start: true });
  await simulator.control('POST', `/vms/${id}/guest`, { does: 'shutdown' });
  await disguiseAs(id, { spec: { resources: { power_state: 'ON' } } });
  await run((context) => driver.reconfigure.apply(id, { name: `odd-${randomUUID()}` }, context));
  expect(await get(id)).toMatchObject({ state: 'stopped' });
  await undisguise(simulator, id);
  await remove(id);
});

describe('user data', () => {
  const secret = 'TopSecret-of-the-case';
  const userData = `#cloud-config\npassword: ${secret}\n# ${'é'.repeat(500)}\n`;
  const encoded = Buffer.from(userData).toString('base64');
  const quotations = [encoded, encoded.slice(3, 400), userData, JSON.stringify({ user_data: encoded }), `: ${secret}`];
  /** What somebody could read in a problem, its cause and what the journal told. */
  const readable = (error: unknown): string => {
    const text = inspect(error, { depth: 9 });
    return [
      text,
      ...(text.match(/[A-Za-z0-9+/]{8,}/g) ?? []).map((part) => Buffer.from(part, 'base64').toString()),
    ].join('\n');
  };
  const refused = async (input: object): Promise<unknown> => {
    const error: unknown = await run((context) => driver.create({ ...body(), ...input }, context)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ProblemError);
    expect(readable(error)).not.toMatch(/TopSecret/);
    expect((error as Error).message.length).toBeLessThan(600);
    return error;
  };

  it.each(quotations.map((quotation) => [quotation.slice(0, 30), quotation]))(
    'is in no problem when Prism Central quotes it as %j…',
    async (_title, quotation) => {
      const message = `Request could not be processed. guest_customization.cloud_init.user_data: '${quotation}' is too long`;
      for (const effect of [
        { kind: 'status', status: 422, message },
        {
          kind: 'status',
          status: 200,
          body: {
            state: 'ERROR',
            code: 422,
            message_list: [{ message: 'No.', reason: 'INVALID_REQUEST', details: { user_data: [message] } }],
          },
        },
      ]) {
        await simulator.fault({ method: 'POST', path: '/api/nutanix/v3/vms', count: 1, effect });
        await refused({ cloudInit: { userData } });
      }
      await simulator.fault({ operation: 'vm.create', count: 1, effect: { kind: 'taskFail', detail: message } });
      await refused({ cloudInit: { userData } });
    },
  );

  it('is in no problem of a change of the VM that has it', async () => {
    const id = await make({ cloudInit: { userData } });
    // One that has not seen it before.
    const stranger = driverOn(simulator);
    try {
      for (const fault of [
        { method: 'PUT', path: `/api/nutanix/v3/vms/${id}`, effect: { kind: 'status', status: 422, message: encoded } },
        { operation: 'vm.update', effect: { kind: 'taskFail', detail: `cannot apply ${encoded}` } },
      ]) {
        await simulator.fault({ ...fault, count: 1 });
        const error: unknown = await run((context) => stranger.start(id, context)).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ProblemError);
        expect(readable(error)).not.toMatch(/TopSecret/);
      }
    } finally {
      await stranger.close();
    }
    await remove(id);
  });

  it('that is longer than Prism Central takes is refused before it is sent', async () => {
    const calls = async () => objectsAt(await simulator.control('GET', '/calls'), 'calls').length;
    const before = await calls();
    const error = await refused({ cloudInit: { userData: `${userData}${'é'.repeat(55_000)}` } });
    expect(error).toMatchObject({
      code: 'invalid-input',
      extras: { errors: [{ pointer: '/cloudInit/userData', detail: expect.stringContaining('96,000') }] },
    });
    expect(await calls()).toBe(before);
  });
});

describe('a volume group', () => {
  async function attachedTo(...names: string[]): Promise<{ group: string; ids: NativeId[] }> {
    const answer = await simulator.v3('POST', '/volume_groups', {
      metadata: GROUP,
      spec: { name: 'data', cluster_reference: { kind: 'cluster', uuid: CLUSTER }, resources: {} },
    });
    await simulator.done(answer);
    const group = textAt(objectAt(answer, 'metadata'), 'uuid')!;
    const ids = [];
    for (const name of names) {
      const id = await make({ name });
      await simulator.edit(id, (spec) => {
        const list = objectsAt(objectAt(spec, 'resources'), 'disk_list');
        objectAt(spec, 'resources')['disk_list'] = [
          ...list,
          { device_properties: { device_type: 'VOLUME_GROUP' }, volume_group_reference: { ...GROUP, uuid: group } },
        ];
      });
      ids.push(id);
    }
    return { group, ids };
  }
  const groupsOf = async (id: NativeId) =>
    objectsAt(await resources(id), 'disk_list').flatMap(
      (disk) => textAt(objectAt(disk, 'volume_group_reference'), 'uuid') ?? [],
    );

  it('stays with the source of a clone, which is told so, and with whoever else has it when one is deleted', async () => {
    const { group, ids } = await attachedTo(`odd-${randomUUID()}`, `odd-${randomUUID()}`);
    const [first, second] = ids as [NativeId, NativeId];
    const taken = await run((context) => driver.snapshots.create(first, { name: 'a', memory: false }, context));
    expect(taken.notes).toEqual([expect.stringMatching(/^It leaves out the volume group "data"/)]);
    const input = { name: `odd-${randomUUID()}`, linked: false, start: true };
    const { nativeId, notes } = await run((context) => driver.clone.clone(first, input, context));
    expect(await groupsOf(first)).toEqual([group]);
    expect(await groupsOf(nativeId)).toEqual([]);
    expect(await get(nativeId)).toMatchObject({ state: 'running', disks: [{ sizeGiB: 1 }] });
    expect(notes).toEqual([expect.stringMatching(/^The volume group "data" stays with/)]);
    const { name } = await get(second);
    const deleted = await remove(first);
    expect(deleted.notes?.join('\n')).toContain(
      `Kept the volume group "data" (${group}), which is attached to "${name}" too.`,
    );
    expect(await groupsOf(second)).toEqual([group]);
    await run((context) => driver.stop(nativeId, force, context));
    for (const id of [second, nativeId]) await remove(id);
  });
});

it('says what a clone has of its source', async () => {
  const id = await make({ cloudInit: { userData: '#cloud-config' } });
  await simulator.edit(id, (spec) => {
    Object.assign(objectAt(spec, 'resources'), {
      vtpm_config: { vtpm_enabled: true },
      gpu_list: [{ vendor: 'NVIDIA', mode: 'VIRTUAL', device_id: 44 }],
    });
  });
  const input = { name: `odd-${randomUUID()}`, linked: true, start: false };
  const { nativeId, notes = [] } = await run((context) => driver.clone.clone(id, input, context));
  for (const what of [/TPM/, /GPUs/, /user data of its source/]) expect(notes.join('\n')).toMatch(what);
  expect(notes).toHaveLength(3);
  for (const one of [id, nativeId]) await remove(one);
});

it('makes as many CPUs of a template with threads as were asked for', async () => {
  const template = await make({ name: `odd-${randomUUID()}` });
  await simulator.edit(template, (spec) => {
    objectAt(spec, 'resources')['num_threads_per_core'] = 2;
  });
  const id = await make({ template, disks: [], cpus: 3 });
  expect(await get(id)).toMatchObject({ cpus: 3 });
  for (const one of [id, template]) await remove(one);
});

it('knows in which state a VM was when we took a snapshot of it, and not when others did', async () => {
  const id = await make({ start: true });
  await run((context) => driver.snapshots.create(id, { name: 'a', memory: false }, context));
  await simulator.done(
    await simulator.v3('POST', `/vms/${id}/snapshot`, { name: 'nightly', recovery_point_type: 'CRASH_CONSISTENT' }),
  );
  const states = (await get(id)).snapshots.map(({ name, state }) => [name, state]);
  expect(Object.fromEntries(states)).toEqual({ a: 'running', nightly: 'unknown' });
  await run((context) => driver.stop(id, force, context));
  const { notes } = await remove(id);
  expect(notes?.join('\n')).toMatch(/Kept recovery points that others took: "nightly"/);
});

it('names the cluster of each network, and refuses those of another than the VM before it asks Prism Central for anything', async () => {
  const networks = new Map((await driver.networks.list(forever)).map((network) => [network.name, network]));
  expect(networks.get('vlan10')).toMatchObject({
    cluster: 'cluster-a',
    cidr: '10.10.0.0/16',
    gateway: '10.10.0.1',
    reserved: [{ address: '10.10.0.254' }],
  });
  expect(networks.get('vlan110')).toMatchObject({ cluster: 'cluster-b' });
  expect(networks.get('overlay-dev')).not.toHaveProperty('cluster');
  const id = await make({ nics: [{ network: 'vlan10' }] });
  const tasks = async () => (await simulator.list('tasks')).length;
  const before = await tasks();
  const add = { addNics: [{ network: 'vlan110', address: 'auto' as const }] };
  const problem = await expectProblem(
    'invalid-input',
    run((context) => driver.reconfigure.apply(id, add, context)),
  );
  expect(problem.message).toMatch(/"vlan110" is on the cluster "cluster-b", and the VM is on "cluster-a"/);
  await expectProblem(
    'invalid-input',
    run((context) => driver.create(body({ nics: [{ network: 'vlan10' }, { network: 'vlan110' }] }), context)),
  );
  expect(await tasks()).toBe(before);
  await remove(id);
});
