import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import type { Pages } from '../client/paging.ts';
import type { PrismClient } from '../client/prism-client.ts';
import type { Tasks } from '../client/tasks.ts';
import { isObject, objectAt, objectsAt, textAt, withoutNulls, type JsonObject } from '../client/json.ts';
import { detachShared } from '../lifecycle/copied-hardware.ts';
import { goldenVm } from '../testing/golden.ts';
import { oddVms, randomVm } from '../testing/odd-vms.ts';
import { draftOf } from './vm-draft.ts';
import { applyChanges, meantBy, isSo, type Changes, noChanges } from './vm-edits.ts';
import { disksOf, macOf, resourcesOf, uuidOf } from './vm-reader.ts';
import { insertCdrom } from './vm-spec.ts';
import { powerOff, powerOn, Vms } from './vms.ts';

const nothing = noChanges;
const forever = new AbortController().signal;

type Change = (spec: JsonObject, vm: JsonObject) => boolean;
const changed =
  (wish: (vm: JsonObject) => Partial<Changes>): Change =>
  (spec, vm) => {
    const changes = { ...nothing, ...wish(vm) };
    return applyChanges(spec, changes) || !isSo(vm, changes);
  };

/** Every way in which the driver writes a VM back, with the members of `spec` and `spec.resources` that it is for. */
const mutations: readonly [name: string, members: readonly string[], change: Change][] = [
  ['power on', ['power_state'], powerOn],
  ['power off', ['power_state', 'power_state_mechanism'], powerOff],
  ['a name', ['name'], changed(() => ({ name: 'another name' }))],
  ['CPUs', ['num_sockets', 'num_vcpus_per_socket', 'num_threads_per_core'], changed(() => ({ cpus: 7 }))],
  ['memory', ['memory_size_mib'], changed(() => ({ memoryMiB: 12_345 }))],
  [
    'a larger disk',
    ['disk_list'],
    changed((vm) => ({
      disks: meantBy(
        vm,
        disksOf(resourcesOf(vm))
          .slice(0, 1)
          .map(({ device }) => ({ device, sizeGiB: 60_000 })),
      ),
    })),
  ],
  ['an interface more', ['nic_list'], changed(() => ({ addNics: [{ subnet: 'b', mac: '52:00:00:00:00:01' }] }))],
  [
    'an interface less',
    ['nic_list'],
    changed((vm) => ({
      removeNics: objectsAt(resourcesOf(vm), 'nic_list')
        .slice(0, 1)
        .map(macOf)
        .filter((mac) => mac !== ''),
    })),
  ],
  ['a CD-ROM', ['disk_list'], (spec) => insertCdrom(spec, 'cccccccc-0009-4000-8000-000000000001')],
  ['no volume groups', ['disk_list'], (spec) => detachShared(spec, ['31111111-1111-4111-8111-111111111111'])],
];

/** What is sent to Prism when a VM is changed; undefined when there is nothing to do. */
async function written(vm: JsonObject, change: Change): Promise<JsonObject | undefined> {
  let sent: JsonObject | undefined;
  const client = {
    find: async () => structuredClone(vm),
    v3: async (_method: string, _path: string, _signal: AbortSignal, body: JsonObject) => {
      sent = JSON.parse(JSON.stringify(body)) as JsonObject;
      return {};
    },
  };
  const vms = new Vms(client as unknown as PrismClient, {} as Pages, {} as Tasks, { busyMs: 0, settleMs: 0 });
  await vms.edit(uuidOf(vm), change, forever);
  return sent;
}

/** Values by their path, but for what a write must not say: nulls, and addresses that guests were seen with. */
function facts(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    const items = path.endsWith('.ip_endpoint_list')
      ? value.filter((item) => isObject(item) && item['type'] !== 'LEARNED' && item['ip'])
      : value;
    return items.flatMap((item) => facts(item, `${path}[]`));
  }
  if (isObject(value)) return Object.entries(value).flatMap(([key, member]) => facts(member, `${path}.${key}`));
  return value === null || value === undefined ? [] : [`${path}=${JSON.stringify(value)}`];
}

const without = (spec: JsonObject, members: readonly string[]): JsonObject => {
  const strip = (holder: JsonObject) =>
    Object.fromEntries(Object.entries(holder).filter(([key]) => !members.includes(key)));
  return { ...strip(spec), resources: strip(objectAt(spec, 'resources')) };
};

const categoriesIn = (metadata: JsonObject): string[] => {
  const mapping = Object.entries(objectAt(metadata, 'categories_mapping'));
  const all = mapping.flatMap(([key, values]) => (values as unknown[]).map((value) => `${key}:${String(value)}`));
  const plain = Object.entries(objectAt(metadata, 'categories')).map(([key, value]) => `${key}:${String(value)}`);
  return [...new Set([...all, ...plain])].sort();
};

/** What Prism makes of the metadata of a write: without the flag it obeys the form that has one value of each. */
const obeyed = (metadata: JsonObject): string[] =>
  metadata['use_categories_mapping'] === true
    ? categoriesIn({ categories_mapping: metadata['categories_mapping'] })
    : categoriesIn({ categories: metadata['categories'] });

const random = Array.from({ length: 60 }, (_, seed) => randomVm(seed));

/** Answers whether there was anything to write. */
async function expectKept(vm: JsonObject, members: readonly string[], change: Change): Promise<boolean> {
  const before = structuredClone(vm);
  const sent = await written(vm, change);
  expect(vm).toEqual(before);
  if (sent === undefined) return false;
  const [spec, metadata] = [objectAt(sent, 'spec'), objectAt(sent, 'metadata')];
  // The power of a VM that is changed in another way is that which it has.
  const others = [...members, 'power_state'];
  const isKept = (fact: string) => !/is_connected|disk_size_|\.uuid=/.test(fact);
  const kept = facts(without(spec, others)).filter(isKept);
  expect(kept.sort()).toEqual(
    facts(without(objectAt(vm, 'spec'), others))
      .filter(isKept)
      .sort(),
  );
  expect(obeyed(metadata)).toEqual(categoriesIn(withoutNulls(objectAt(vm, 'metadata')) as JsonObject));
  for (const key of ['uuid', 'entity_version', 'spec_version', 'project_reference', 'owner_reference', 'x_unknown'])
    if (objectAt(vm, 'metadata')[key] !== null) expect(metadata[key]).toEqual(objectAt(vm, 'metadata')[key]);
  expect(JSON.stringify(sent)).not.toContain('null');
  // Devices that are not what the change is about are all there.
  for (const list of ['disk_list', 'nic_list']) {
    const ids = (holder: JsonObject) =>
      objectsAt(objectAt(holder, 'resources'), list).flatMap((one) => textAt(one, 'uuid') ?? []);
    const gone = ids(objectAt(vm, 'spec')).filter((uuid) => !ids(spec).includes(uuid));
    expect(gone.length).toBeLessThanOrEqual(members.includes(list) ? 1 : 0);
  }
  return true;
}

describe.each(mutations)('a write of %s', (_name, members, change) => {
  it.each(Object.entries(oddVms()))('keeps everything else of a VM %s', async (_odd, vm) => {
    await expectKept(vm, members, change);
  });

  it('keeps everything else of VMs that are odd by chance', async () => {
    let writes = 0;
    for (const vm of random) if (await expectKept(vm, members, change)) writes += 1;
    expect(writes).toBeGreaterThan(random.length / 10);
  });
});

describe('what is written back', () => {
  const golden = (edit: (vm: JsonObject, spec: JsonObject, actual: JsonObject) => void) => {
    const vm = goldenVm();
    edit(vm, objectAt(objectAt(vm, 'spec'), 'resources'), objectAt(objectAt(vm, 'status'), 'resources'));
    return vm;
  };
  const resources = (vm: JsonObject) => objectAt(draftOf(vm).spec, 'resources');

  it('has all values of a category, in the form that a write obeys', () => {
    const vm = golden(({ metadata }) => {
      Object.assign(metadata as JsonObject, {
        categories: { Environment: 'Production', Tier: 'Web' },
        categories_mapping: { Environment: ['Dev', 'Production'] },
      });
    });
    expect(draftOf(vm).metadata).toMatchObject({
      use_categories_mapping: true,
      categories_mapping: { Environment: ['Dev', 'Production'], Tier: ['Web'] },
    });
  });

  it('leaves the only form of a release that has one', () => {
    const vm = golden(({ metadata }) => {
      delete (metadata as JsonObject)['categories_mapping'];
      Object.assign(metadata as JsonObject, { categories: { Tier: 'Web' } });
    });
    expect(draftOf(vm).metadata).not.toHaveProperty('use_categories_mapping');
    expect(draftOf(vm).metadata).toMatchObject({ categories: { Tier: 'Web' } });
  });

  it.each([
    ['ON', 'OFF', 'OFF'],
    ['OFF', 'ON', 'ON'],
    ['ON', 'PAUSED', 'ON'],
    ['ON', undefined, 'ON'],
  ])('of a VM that was asked to be %s and is %s leaves it %s', (asked, is, written) => {
    const vm = golden((_vm, spec, actual) => {
      spec['power_state'] = asked;
      actual['power_state'] = is;
    });
    expect(resources(vm)['power_state']).toBe(written);
  });

  it('names every disk and interface by its id, so that none is made anew', () => {
    const vm = golden((_vm, spec) => {
      for (const list of ['disk_list', 'nic_list']) for (const one of objectsAt(spec, list)) delete one['uuid'];
    });
    expect(objectsAt(resources(vm), 'disk_list')).toMatchObject([{ uuid: 'aaaaaaaa-0002-4000-8000-000000000001' }]);
    expect(objectsAt(resources(vm), 'nic_list')).toMatchObject([{ uuid: 'aaaaaaaa-0003-4000-8000-000000000001' }]);
  });

  it('shrinks no disk that was made larger by another', () => {
    const vm = golden((_vm, _spec, actual) => {
      objectsAt(actual, 'disk_list')[0]!['disk_size_bytes'] = 20 * 1024 ** 3;
    });
    expect(objectsAt(resources(vm), 'disk_list')).toMatchObject([
      { disk_size_bytes: 20 * 1024 ** 3, disk_size_mib: 20_480 },
    ]);
  });

  it('connects no interface that was disconnected, and asks for no address that was only seen', () => {
    const vm = golden((_vm, spec, actual) => {
      const [nic] = objectsAt(spec, 'nic_list');
      delete nic!['is_connected'];
      nic!['ip_endpoint_list'] = [
        { type: 'LEARNED' },
        { ip: '10.0.0.50', type: 'ASSIGNED' },
        { ip: 'fe80::1', type: 'LEARNED' },
      ];
      objectsAt(actual, 'nic_list')[0]!['is_connected'] = false;
    });
    expect(objectsAt(resources(vm), 'nic_list')).toMatchObject([
      { is_connected: false, ip_endpoint_list: [{ ip: '10.0.0.50', type: 'ASSIGNED' }] },
    ]);
  });

  it.each([[null], [{}], [undefined]])('is nothing when Prism shows %j as what it was asked to be', (shown) => {
    const vm = golden((one) => {
      objectAt(one, 'spec')['resources'] = shown;
    });
    expect(() => draftOf(vm)).toThrow(ProblemError);
  });
});
