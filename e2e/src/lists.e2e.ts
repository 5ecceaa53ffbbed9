import { expect } from '@jest/globals';
import type { Client, paths } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import type { FakeHost } from '@polyvirt/hypervisor';
import { createVm, deleteVm, editVm, patienceMs, populate, power, readVm, type Vm } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const [a, b] = ['fake-a', 'fake-b'] as const;
const story = storiesOn({ agents: [a, b].map((id) => ({ kind: 'fake', id })) }, makeMachines);

type Query = NonNullable<paths['/api/v1/vms']['get']['parameters']['query']>;
type Sort = NonNullable<Query['sort']>;

const page = async (client: Client, query: Query) => (await client.GET('/api/v1/vms', { params: { query } })).data;

/** Everything that a query finds, in parts of a few. */
async function all(client: Client, query: Query): Promise<Vm[]> {
  const found: Vm[] = [];
  for await (const vm of client.items('/api/v1/vms', { query: { limit: 7, ...query } })) found.push(vm);
  return found;
}

/** Another machine of the same hardware, as another tool would make it. */
function defineLike(fake: FakeHost, model: string, name: string): void {
  const { disks: _, nics: __, ...machine } = fake.find(model)!;
  const createdAt = new Date(Date.parse(machine.createdAt) + 1_000).toISOString();
  fake.define({ ...machine, nativeId: name, name, state: 'stopped', createdAt, disks: [], nics: [] });
}

const sorts = ['name', '-name', 'host', '-host', 'cpus', '-memoryMiB', 'createdAt', '-createdAt'] as const;

const names = [
  'Émile',
  'emile',
  'Emil',
  'ÉMILIE',
  'zebra',
  'Äpfel',
  '🚀 one',
  '🚀',
  '10',
  '9',
  'a b',
  'ß',
  'x'.repeat(80),
];

/** Machines that stand still: many on both hosts, and some of every kind of name. */
async function makeMachines(stack: Stack): Promise<void> {
  await Promise.all([populate(stack, a, 20, 'still'), populate(stack, b, 20, 'still')]);
  const models = ['still-00001', 'still-00002', 'still-00004'];
  const fake = stack.fakeHost(b);
  for (const [n, name] of names.entries()) {
    defineLike(fake, models[n % 3]!, `native-${n}`);
    fake.rename(`native-${n}`, name);
    if (n % 4 === 0) fake.powerOn(`native-${n}`);
  }
  fake.close();
  await eventually(async () => {
    const { items } = await page(stack.admin, { q: 'native-', limit: 500 });
    expect(items.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(items.filter(({ state }) => state === 'running')).toHaveLength(4);
  });
}

story('misses and doubles no machine that stays while others come and go', async (stack) => {
  const { admin } = stack;
  const [onA] = await Promise.all([populate(stack, a, 60, 'walk'), populate(stack, b, 20, 'walk')]);
  const isGoing = (id: string) => Number(id.slice(-5)) % 3 === 0;
  const fake = stack.fakeHost(a);
  const going = onA!.filter(isGoing).map((id) => id.split('~')[1]!);
  try {
    for (const sort of sorts) {
      const seen: string[] = [];
      let cursor: string | undefined;
      for (let turn = 0; cursor !== undefined || turn === 0; turn++) {
        const { items, nextCursor } = await page(admin, { q: 'walk-', sort, limit: 25, ...(cursor && { cursor }) });
        seen.push(...items.map(({ id }) => id));
        cursor = nextCursor;
        // Behind and before the place where the reader is, some go and others come.
        const gone = [going.shift()!, going.pop()!];
        const came = [turn, 60 - turn].map((n) => `walk-${String(n).padStart(5, '0')}-${sort}`);
        for (const nativeId of gone) fake.undefine(nativeId);
        for (const name of came) defineLike(fake, 'walk-00001', name);
        going.push(...came);
        await eventually(async () => {
          for (const name of came) await readVm(admin, `${a}~${name}`);
          for (const name of gone)
            await expect(readVm(admin, `${a}~${name}`)).rejects.toMatchObject({ code: 'vm-not-found' });
        });
      }
      expect([sort, new Set(seen).size]).toEqual([sort, seen.length]);
      const stayed = onA!.filter((id) => !isGoing(id));
      expect([sort, seen.filter((id) => stayed.includes(id)).sort()]).toEqual([sort, stayed]);
      expect([sort, seen.filter((id) => id.startsWith(b)).length]).toEqual([sort, 20]);
    }
  } finally {
    fake.close();
  }
});

story('sorts by every key in both directions, in the same order whatever the size of a part', async ({ admin }) => {
  const valueOf: Record<string, (vm: Vm) => string | number> = {
    name: ({ name }) => name.normalize('NFC').toLowerCase(),
    host: ({ host }) => host,
    state: ({ state }) => state,
    // What is unknown comes before everything that is known.
    cpus: ({ cpus = -1 }) => cpus,
    memoryMiB: ({ memoryMiB = -1 }) => memoryMiB,
    createdAt: ({ createdAt }) => Date.parse(createdAt),
    observedAt: ({ observedAt }) => Date.parse(observedAt),
  };
  for (const [key, value] of Object.entries(valueOf)) {
    const { items } = await page(admin, { sort: key as Sort, limit: 500 });
    const order = items.toSorted((one, other) => {
      const [x, y] = [value(one), value(other)];
      return x === y ? (one.id < other.id ? -1 : 1) : x < y ? -1 : 1;
    });
    const ids = order.map(({ id }) => id);
    expect([key, items.map(({ id }) => id)]).toEqual([key, ids]);
    expect([key, (await all(admin, { sort: key as Sort })).map(({ id }) => id)]).toEqual([key, ids]);
    const reversed = await all(admin, { sort: `-${key}` as Sort });
    expect([key, reversed.map(({ id }) => id)]).toEqual([key, ids.toReversed()]);
  }
});

story('finds what fits all of a filter, and nothing else', async ({ admin }) => {
  const [one, two, three] = (await page(admin, { q: 'native-', limit: 3 })).items;
  await editVm(admin, one!.id, { labels: { env: 'test', 'team/owner': 'Größe=1' } });
  await editVm(admin, two!.id, { labels: { env: 'prod' } });
  await editVm(admin, three!.id, { labels: { environment: 'test', env: '' } });
  const { id: addressed } = await createVm(admin, {
    ...{ host: a, name: 'with an address', disks: [{ image: 'tiny-linux' }], start: true },
    nics: [{ network: 'default', address: '10.77.9.9' }],
  });
  await eventually(async () => {
    expect((await readVm(admin, addressed)).nics[0]?.addresses).toEqual(['10.77.9.9']);
  });
  const { items: everything } = await page(admin, { limit: 500 });
  const rows: readonly (readonly [Query, (vm: Vm) => boolean])[] = [
    [{}, () => true],
    [{ host: b }, ({ host }) => host === b],
    [{ host: 'nowhere' }, () => false],
    [{ hypervisor: everything[0]!.hypervisor }, () => true],
    [{ hypervisor: 'nutanix' }, () => false],
    [{ state: 'running' }, ({ state }) => state === 'running'],
    [{ state: 'running', host: b }, ({ state, host }) => state === 'running' && host === b],
    [{ name: '🚀' }, ({ name }) => name === '🚀'],
    [{ name: 'Emil' }, ({ name }) => name === 'Emil'],
    [{ name: 'EMIL' }, () => false],
    [{ label: 'env' }, ({ id }) => [one, two, three].some((vm) => vm!.id === id)],
    [{ label: 'env=test' }, ({ id }) => id === one!.id],
    [{ label: 'env=' }, ({ id }) => id === three!.id],
    [{ label: 'team/owner=Größe=1' }, ({ id }) => id === one!.id],
    [{ label: 'toString' }, () => false],
    [{ q: 'ÉMIL' }, ({ name }) => ['Émile', 'ÉMILIE'].includes(name)],
    [{ q: 'E\u0301mil' }, ({ name }) => ['Émile', 'ÉMILIE'].includes(name)],
    [{ q: 'GRÖSSE' }, () => false],
    [{ q: 'größe=1' }, ({ id }) => id === one!.id],
    [{ q: '10.77.9.' }, ({ nics }) => nics.some(({ addresses }) => addresses.some((one) => one.includes('10.77.9.')))],
    [{ q: '10.77.9.9', name: 'with an address' }, ({ id }) => id === addressed],
    [{ q: `${b}~still-0000` }, ({ id }) => id.startsWith(`${b}~still-0000`)],
    [{ q: '%' }, () => false],
    [{ q: 'still', state: 'stopped', host: a }, (vm) => vm.id.startsWith(`${a}~still`) && vm.state === 'stopped'],
  ];
  for (const [query, fits] of rows) {
    const expected = everything.filter(fits).map(({ id }) => id);
    expect([query, (await all(admin, query)).map(({ id }) => id)]).toEqual([query, expected]);
  }
});

/** The organizer is behind what is made, and so would a list be that is to stand still. */
async function everyVmHasItsArchive(admin: Client): Promise<void> {
  await eventually(async () => {
    const archived = new Set<string>();
    for await (const { vmId } of admin.items('/api/v1/archives', { query: {} })) archived.add(vmId);
    expect((await all(admin, {})).filter(({ id }) => !archived.has(id))).toEqual([]);
  }, patienceMs);
}

story('walks through operations, records and archives while new ones come', async ({ admin }) => {
  const host = a;
  for (const name of ['first', 'second', 'third', 'fourth']) await createVm(admin, { host, name: `list ${name}` });
  const paths = ['/api/v1/operations', '/api/v1/audit', '/api/v1/archives'] as const;
  for (const path of paths) {
    await everyVmHasItsArchive(admin);
    const keyOf = (item: object) => ('vmId' in item && path.endsWith('archives') ? item.vmId : (item as Vm).id);
    const { data: whole } = await admin.GET(path, { params: { query: { limit: 500 } } });
    const before = whole.items.map(keyOf);
    const seen: unknown[] = [];
    let next = 0;
    const query = { limit: Math.max(1, Math.ceil(before.length / 3)) };
    for await (const item of admin.items(path, { query })) {
      seen.push(keyOf(item));
      if (seen.length % query.limit === 0) await createVm(admin, { host, name: `late ${path.slice(8)} ${next++}` });
    }
    expect(next).toBeGreaterThan(1);
    expect([path, seen]).toEqual([path, before]);
  }
  const { data: first } = await admin.GET('/api/v1/operations', { params: { query: { limit: 1 } } });
  for (const query of [{ cursor: first.nextCursor! }, { cursor: `${first.nextCursor!}x` }, { cursor: 'x' }])
    await expect(page(admin, query)).rejects.toMatchObject({ code: 'invalid-input' });
});

const tagOf = async (client: Client, vmId: string): Promise<string> =>
  (await client.GET('/api/v1/vms/{vmId}', { params: { path: { vmId } } })).response.headers.get('etag')!;

story('changes only what has not changed since it was read', async (stack: Stack) => {
  const { admin } = stack;
  const { id: vmId } = await createVm(admin, { host: a, name: 'revised', disks: [{ sizeGiB: 1 }] });
  const edit = (body: { cpus?: number; notes?: string }, tag: string) =>
    admin.PATCH('/api/v1/vms/{vmId}', {
      params: { path: { vmId }, header: { Prefer: 'wait=60', 'If-Match': tag } },
      body,
    });
  const remove = (tag: string) =>
    admin.DELETE('/api/v1/vms/{vmId}', {
      params: { path: { vmId }, header: { Prefer: 'wait=60', 'If-Match': tag } },
    });
  const stale = { code: 'stale-revision', status: 412 };
  const tags = [await tagOf(admin, vmId)];
  expect(tags[0]).toMatch(/^"\d+-\d+"$/);
  expect(await tagOf(admin, vmId)).toBe(tags[0]);

  // Whoever changes it, and whatever of it: our notes, the hardware, its power by another tool.
  await edit({ notes: 'mine' }, tags[0]!);
  tags.push(await tagOf(admin, vmId));
  await edit({ cpus: 2 }, tags[1]!);
  tags.push(await tagOf(admin, vmId));
  await power(admin, vmId, 'start');
  tags.push(await tagOf(admin, vmId));
  const fake = stack.fakeHost(a);
  fake.powerOff(vmId.split('~')[1]!);
  fake.close();
  await eventually(async () => expect((await readVm(admin, vmId)).state).toBe('stopped'));
  tags.push(await tagOf(admin, vmId));
  expect(new Set(tags).size).toBe(5);

  for (const tag of tags.slice(0, -1)) {
    await expect(edit({ notes: 'late' }, tag)).rejects.toMatchObject(stale);
    await expect(edit({ cpus: 4 }, tag)).rejects.toMatchObject(stale);
    await expect(remove(tag)).rejects.toMatchObject(stale);
  }
  expect(await readVm(admin, vmId)).toMatchObject({ notes: 'mine', cpus: 2 });
  const races = await Promise.allSettled([1, 2, 3, 4].map((n) => edit({ notes: `race ${n}` }, tags.at(-1)!)));
  expect(races.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
  for (const race of races) if (race.status === 'rejected') expect(race.reason).toMatchObject(stale);
  await edit({ notes: 'in any case' }, '*');
  const now = await tagOf(admin, vmId);
  expect((await remove(`"1-1", ${now}`)).data.status).toBe('succeeded');
  await expect(deleteVm(admin, vmId)).rejects.toMatchObject({ code: 'vm-not-found' });
});
