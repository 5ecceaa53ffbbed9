import { describe, expect, it } from '@jest/globals';
import { Vm, VmListQuery, type VmRecord } from '@polyvirt/contracts';
import type { Position } from './sorted-index.ts';
import { VmTable } from './vm-table.ts';

const record = (n: number, change: Partial<VmRecord> = {}): VmRecord => {
  const host = change.host ?? 'kvm-a';
  const nativeId = `vm-${n}`;
  return {
    id: `${host}~${nativeId}`,
    host,
    nativeId,
    hypervisor: 'kvm',
    name: `web-${n}`,
    state: 'running',
    cpus: 1,
    memoryMiB: 512,
    disks: [],
    nics: [],
    snapshots: [],
    simulated: false,
    createdAt: '2026-11-21T10:00:00.000Z',
    observedAt: '2026-11-21T10:00:00.000Z',
    ...change,
  };
};

const tableOf = (...records: VmRecord[]) => {
  const table = new VmTable();
  records.forEach((each, at) => table.put(each, at + 1));
  return table;
};

interface Part {
  items: Vm[];
  next?: Position;
}

function page(table: VmTable, query: Record<string, unknown> = {}, after?: Position): Part {
  const { sort, limit, ...filter } = VmListQuery.parse(query);
  const { items, next } = table.page(sort, filter, limit, after);
  return { items: items.map((bytes) => JSON.parse(bytes.toString()) as Vm), ...(next && { next }) };
}

const names = (table: VmTable, query: Record<string, unknown> = {}) => page(table, query).items.map((vm) => vm.name);

/** Reads a whole list part by part, letting `between` change the table after each. */
function readAll(table: VmTable, query: Record<string, unknown>, between: (part: number) => void = () => undefined) {
  const seen: string[] = [];
  let after: Position | undefined;
  for (let part = 0; ; part++) {
    const { items, next } = page(table, query, after);
    seen.push(...items.map((vm) => vm.id));
    if (!next) return seen;
    after = next;
    between(part);
  }
}

describe('VmTable', () => {
  it('shows what the contract says, and no snapshots', () => {
    const table = tableOf(record(1));
    table.annotate('kvm-a~vm-1', { labels: { env: 'test' }, notes: 'hello', protected: true, version: 3 });
    table.occupy('kvm-a~vm-1', '01938f5e-0000-7000-8000-000000000001');
    const [vm] = page(table).items;
    expect(Vm.parse(vm)).toEqual(vm);
    expect(vm).toMatchObject({
      labels: { env: 'test' },
      notes: 'hello',
      protected: true,
      revision: 1,
      snapshotCount: 0,
      operation: '01938f5e-0000-7000-8000-000000000001',
    });
    expect(table.get('kvm-a~vm-1')?.etag).toBe('"1-3"');
  });

  it('keeps an annotation that arrives before its VM', () => {
    const table = new VmTable();
    table.annotate('kvm-a~vm-1', { labels: { env: 'test' }, notes: '', protected: false, version: 1 });
    table.put(record(1), 1);
    expect(page(table, { label: 'env=test' }).items).toHaveLength(1);
  });

  it.each([
    [{ host: 'kvm-b' }, ['db']],
    [{ hypervisor: 'vmware' }, ['db']],
    [{ state: 'stopped' }, ['Mail']],
    [{ name: 'db' }, ['db']],
    [{ name: 'DB' }, []],
    [{ label: 'env' }, ['db', 'Mail']],
    [{ label: 'env=test' }, ['Mail']],
    [{ label: 'env=' }, []],
    [{ label: 'constructor' }, []],
    [{ q: 'MAI' }, ['Mail']],
    [{ q: '10.0.0' }, ['web']],
    [{ q: 'env=prod' }, ['db']],
    [{ q: 'kvm-b~' }, ['db']],
    [{ host: 'kvm-a', state: 'running' }, ['web']],
    [{}, ['db', 'Mail', 'web']],
    [{ sort: '-name' }, ['web', 'Mail', 'db']],
    [{ sort: 'cpus' }, ['web', 'Mail', 'db']],
    [{ sort: '-createdAt' }, ['db', 'web', 'Mail']],
  ])('filters and sorts by %j', (query, expected) => {
    const nic = { mac: '52:54:00:00:00:01', network: 'default', addresses: ['10.0.0.7'] };
    const table = tableOf(
      record(1, { name: 'web', nics: [nic] }),
      record(2, { name: 'Mail', state: 'stopped', cpus: 2, createdAt: '2026-11-20T10:00:00Z' }),
      record(3, { name: 'db', host: 'kvm-b', hypervisor: 'vmware', cpus: 4, createdAt: '2026-11-22T10:00:00Z' }),
    );
    table.annotate('kvm-a~vm-2', { labels: { env: 'test' }, notes: '', protected: false, version: 1 });
    table.annotate('kvm-b~vm-3', { labels: { env: 'prod' }, notes: '', protected: false, version: 1 });
    expect(names(table, query)).toEqual(expected);
  });

  it.each(['name', '-name', 'cpus', '-cpus', 'createdAt', '-observedAt', 'state'])(
    'gives each VM once when read part by part, by %s',
    (sort) => {
      const table = tableOf(...Array.from({ length: 53 }, (_, n) => record(n, { name: `n${n % 7}`, cpus: n % 3 })));
      const seen = readAll(table, { sort, limit: 5 });
      expect(seen).toHaveLength(53);
      expect(new Set(seen).size).toBe(53);
    },
  );

  it('gives each VM that stays as it is exactly once while others come, go and change', () => {
    const table = tableOf(
      ...Array.from({ length: 60 }, (_, n) => record(n, { name: `vm ${String(n).padStart(2, '0')}` })),
    );
    const moved = new Set<string>();
    const seen = readAll(table, { limit: 7 }, (part) => {
      // The last entry of a part, which the cursor names, goes too.
      const gone = part * 7 + 6;
      table.remove('kvm-a', `vm-${gone}`);
      table.put(record(59 - part, { name: `a renamed ${part}` }), 1_000 + part);
      table.put(record(100 + part, { name: `zz new ${part}` }), 2_000 + part);
      moved.add(`kvm-a~vm-${59 - part}`).add(`kvm-a~vm-${gone}`);
    });
    const unmoved = Array.from({ length: 60 }, (_, n) => `kvm-a~vm-${n}`).filter((id) => !moved.has(id));
    expect(unmoved.filter((id) => seen.filter((other) => other === id).length !== 1)).toEqual([]);
  });

  it('keeps the place in a list short, whatever a name is made of', () => {
    const awkward = ['\u0001'.repeat(255), '\ud83d'.repeat(200), '\u{1f5a5}'.repeat(200), 'é"\\\n'.repeat(60)];
    const table = tableOf(...awkward.map((name, n) => record(n, { name, id: `kvm-a~${'n'.repeat(127)}${n}` })));
    for (let after: Position | undefined, left = awkward.length; left > 1; left--) {
      const part: Part = page(table, { limit: 1 }, after);
      expect(JSON.stringify(part.next).length).toBeLessThan(700);
      after = part.next;
    }
  });

  it('knows which names are taken on a host, in any case and spelling', () => {
    const table = tableOf(record(1, { name: 'Café' }));
    expect(table.named('kvm-a', 'cafe\u0301')).toBe('kvm-a~vm-1');
    expect(table.named('kvm-a', 'café', 'kvm-a~vm-1')).toBeUndefined();
    expect(table.named('kvm-b', 'café')).toBeUndefined();
    table.put(record(1, { name: 'tea' }), 2);
    expect(table.named('kvm-a', 'café')).toBeUndefined();
    table.remove('kvm-a', 'vm-1');
    expect(table.named('kvm-a', 'tea')).toBeUndefined();
  });

  it('keeps the totals of each host through changes', () => {
    const table = tableOf(record(1, { cpus: 2 }), record(2, { state: 'stopped', memoryMiB: 1_024 }));
    expect(table.totalsOf('kvm-a')).toMatchObject({ vms: 2, running: 1, cpus: 3, memoryMiB: 1_536, runningCpus: 2 });
    table.put(record(1, { cpus: 4, state: 'stopped' }), 3);
    table.remove('kvm-a', 'vm-2');
    expect(table.totalsOf('kvm-a')).toMatchObject({ vms: 1, running: 0, cpus: 4, memoryMiB: 512, runningCpus: 0 });
  });
});
