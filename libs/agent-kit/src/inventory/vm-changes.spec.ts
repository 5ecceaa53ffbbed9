import { describe, expect, it } from '@jest/globals';
import type { VmRecord, VmState } from '@polyvirt/contracts';
import { changesBetween } from './vm-changes.ts';

const record = (fields: Partial<VmRecord> = {}): VmRecord => ({
  id: 'a~1',
  host: 'a',
  nativeId: '1',
  hypervisor: 'kvm',
  simulated: true,
  name: 'web-1',
  state: 'stopped',
  cpus: 1,
  memoryMiB: 64,
  firmware: 'bios',
  disks: [{ device: 'vda', sizeGiB: 1 }],
  nics: [{ mac: '52:54:00:00:00:01', network: 'default', addresses: [] }],
  snapshots: [],
  createdAt: '2026-01-01T00:00:00.000Z',
  observedAt: '2026-01-01T00:00:00.000Z',
  ...fields,
});
const snapshot = (id: string, fields: object = {}) => ({
  id,
  name: id,
  parent: null,
  current: true,
  memory: false,
  state: 'stopped' as const,
  createdAt: '2026-01-01T00:00:00.000Z',
  ...fields,
});
const typesOf = (before: VmRecord | undefined, after: VmRecord | undefined) =>
  changesBetween(before, after).map(({ definition }) => definition.name);

describe('changes between two looks', () => {
  it('are none when nothing but the time differs', () => {
    expect(typesOf(record(), record({ observedAt: '2026-01-02T00:00:00.000Z' }))).toEqual([]);
    expect(typesOf(undefined, undefined)).toEqual([]);
  });

  const appearances: [VmState, string[]][] = [
    ['stopped', ['vm.created']],
    ['running', ['vm.created', 'vm.started']],
    ['paused', ['vm.created', 'vm.paused']],
    ['suspended', ['vm.created', 'vm.suspended']],
    ['crashed', ['vm.created', 'vm.crashed']],
    ['unknown', ['vm.created']],
  ];
  it.each(appearances)('of a VM that appears %s', (state, types) => {
    expect(typesOf(undefined, record({ state }))).toEqual(types);
  });

  it('of a VM that is gone are its deletion', () => {
    expect(typesOf(record({ state: 'running' }), undefined)).toEqual(['vm.deleted']);
  });

  const transitions: [VmState, VmState, string][] = [
    ['stopped', 'running', 'vm.started'],
    ['crashed', 'running', 'vm.started'],
    ['paused', 'running', 'vm.resumed'],
    ['suspended', 'running', 'vm.resumed'],
    ['running', 'stopped', 'vm.stopped'],
    ['suspended', 'stopped', 'vm.stopped'],
    ['running', 'paused', 'vm.paused'],
    ['running', 'suspended', 'vm.suspended'],
    ['running', 'crashed', 'vm.crashed'],
    ['running', 'unknown', 'vm.updated'],
    ['unknown', 'running', 'vm.updated'],
  ];
  it.each(transitions)('from %s to %s', (before, after, type) => {
    expect(typesOf(record({ state: before }), record({ state: after }))).toEqual([type]);
  });

  it('of the name carry the name before', () => {
    const [change] = changesBetween(record(), record({ name: 'web-2' }));
    expect(change).toMatchObject({ extras: { previousName: 'web-1' }, detail: 'web-2', withDefinition: true });
  });

  const hardware: [string, Partial<VmRecord>][] = [
    ['CPUs', { cpus: 2 }],
    ['memory', { memoryMiB: 128 }],
    ['a disk', { disks: [{ device: 'vda', sizeGiB: 2 }] }],
    ['an interface', { nics: [] }],
    ['what is pending', { pendingChanges: [{ pointer: '/cpus', from: 1, to: 2 }] }],
  ];
  it.each(hardware)('of %s are a reconfiguration', (_what, fields) => {
    expect(typesOf(record(), record(fields))).toEqual(['vm.reconfigured']);
  });

  it('of addresses and guest facts are an update', () => {
    const nics = [{ mac: '52:54:00:00:00:01', network: 'default', addresses: ['10.0.0.2'] }];
    expect(typesOf(record(), record({ nics }))).toEqual(['vm.updated']);
    expect(typesOf(record(), record({ guest: { agent: true } }))).toEqual(['vm.updated']);
  });

  it('of snapshots name each that came and went', () => {
    const before = record({ snapshots: [snapshot('a')] });
    const after = record({ snapshots: [snapshot('b'), snapshot('c')] });
    expect(changesBetween(before, after).map(({ definition, detail }) => `${definition.name} ${detail}`)).toEqual([
      'vm.snapshot-deleted a',
      'vm.snapshot-created b',
      'vm.snapshot-created c',
    ]);
  });

  it('of the current snapshot alone are an update, as another tool has reverted', () => {
    const before = record({ snapshots: [snapshot('a'), snapshot('b', { current: false })] });
    const after = record({ snapshots: [snapshot('a', { current: false }), snapshot('b')] });
    expect(typesOf(before, after)).toEqual(['vm.updated']);
    const third = snapshot('c', { parent: 'a' });
    expect(typesOf(before, { ...after, snapshots: [...after.snapshots, third] })).toEqual(['vm.snapshot-created']);
  });

  it('of addresses are no news of their own when the VM goes off', () => {
    const nics = [{ mac: '52:54:00:00:00:01', network: 'default', addresses: ['10.0.0.2'] }];
    const running = record({ state: 'running', nics, guest: { agent: true } });
    expect(typesOf(running, record())).toEqual(['vm.stopped']);
  });

  it('come together in the order a reader would tell them', () => {
    const after = record({ name: 'web-2', cpus: 2, state: 'running', snapshots: [snapshot('a')] });
    expect(typesOf(record(), after)).toEqual(['vm.renamed', 'vm.reconfigured', 'vm.snapshot-created', 'vm.started']);
  });
});
