import { describe, expect, it } from '@jest/globals';
import type { VmRecord, VmState } from '@polyvirt/contracts';
import { casualty, consequences } from './aftermath.ts';

const vm = (state: VmState, fields: Partial<VmRecord> = {}): VmRecord => ({
  id: 'a~one',
  host: 'a',
  nativeId: 'one',
  hypervisor: 'kvm',
  simulated: true,
  name: 'web-1',
  state,
  cpus: 2,
  memoryMiB: 1_000,
  disks: [],
  nics: [],
  snapshots: [],
  createdAt: '2026-01-01T00:00:00.000Z',
  observedAt: '2026-01-01T00:00:00.000Z',
  ...fields,
});

/** What each verb may leave a running VM as. */
const leaves: Record<string, readonly VmState[]> = {
  'vm.create': ['running', 'stopped'],
  'vm.clone': ['running', 'stopped'],
  'vm.delete': ['crashed', 'stopped'],
  'vm.start': ['running', 'stopped'],
  'vm.stop': ['stopped', 'crashed'],
  'vm.suspend': ['suspended', 'stopped', 'crashed'],
  'vm.pause': ['paused', 'stopped', 'crashed'],
  'vm.resume': ['running', 'stopped'],
  'vm.restart': ['running', 'paused'],
  'vm.reset': ['running', 'paused'],
  'vm.reconfigure': ['running', 'paused'],
  'vm.snapshot-create': ['running', 'paused'],
  'vm.snapshot-delete': ['running', 'paused'],
  'vm.snapshot-revert': ['running', 'stopped', 'suspended', 'crashed'],
};
const ends: readonly VmState[] = ['stopped', 'crashed'];

describe('an operation that went well', () => {
  it.each(Object.entries(leaves))('%s has failed when the VM did not outlive it', (verb, allowed) => {
    for (const state of ends) {
      const problem = casualty({ verb, before: 'running', after: vm(state) });
      expect({ state, failed: problem !== undefined }).toEqual({ state, failed: !allowed.includes(state) });
      if (problem) expect(problem).toMatchObject({ code: 'host-rejected', message: expect.stringContaining('web-1') });
    }
    for (const state of ['running', 'paused', 'suspended', 'unknown'] as const)
      expect(casualty({ verb, before: 'running', after: vm(state) })).toBeUndefined();
  });

  it('says nothing of a VM that was off, is gone, or cannot be read', () => {
    const verb = 'vm.reconfigure';
    expect(casualty({ verb, before: 'stopped', after: vm('stopped') })).toBeUndefined();
    expect(casualty({ verb, before: 'crashed', after: vm('crashed') })).toBeUndefined();
    expect(casualty({ verb, before: 'running', after: undefined })).toBeUndefined();
    expect(casualty({ verb, before: 'running', after: vm('crashed', { unreadable: 'Cut off.' }) })).toBeUndefined();
  });

  it('notes that a revert has left a running VM off', () => {
    const after = vm('stopped');
    expect(consequences({ verb: 'vm.snapshot-revert', before: 'running', after }, [], {})).toEqual([
      expect.stringContaining('is off now'),
    ]);
    expect(consequences({ verb: 'vm.snapshot-revert', before: 'stopped', after }, [], {})).toEqual([]);
  });

  it('notes overcommit where it has promised more, counting each running VM once', () => {
    const others = [vm('running'), vm('running', { id: 'a~two' }), vm('stopped', { id: 'a~three', memoryMiB: 9_000 })];
    const capacity = { cpus: 64, memoryMiB: 1_500 };
    const note = expect.stringMatching(/2,000 MiB.*1,500/);
    expect(consequences({ verb: 'vm.start', before: 'stopped', after: vm('running') }, others, capacity)).toEqual([
      note,
    ]);
    expect(consequences({ verb: 'vm.stop', before: 'running', after: vm('stopped') }, others, capacity)).toEqual([]);
    expect(consequences({ verb: 'vm.create', before: undefined, after: vm('stopped') }, others, capacity)).toEqual([]);
  });
});
