import { describe, expect, it } from '@jest/globals';
import { ProblemError, type DriverVm, type VmRecord } from '@polyvirt/contracts';
import { checked, failedLook, shownOf, unreadableNotes } from './unreadable.ts';

const vm: DriverVm = {
  nativeId: 'one',
  name: 'web-1',
  state: 'running',
  cpus: 2,
  memoryMiB: 512,
  disks: [{ device: 'vda', sizeGiB: 1 }],
  nics: [],
  snapshots: [],
};
const record: VmRecord = {
  ...vm,
  id: 'a~one',
  host: 'a',
  hypervisor: 'kvm',
  simulated: true,
  createdAt: '2026-01-01T00:00:00.000Z',
  observedAt: '2026-01-01T00:00:00.000Z',
};
const unreadable = 'Its file is cut off. Repair it.';

describe('a VM that cannot be read', () => {
  it('keeps its last record, and says why', () => {
    const shown = shownOf({ nativeId: 'one', name: 'from the folder', unreadable }, record);
    expect(shown).toEqual({ ...record, unreadable });
  });

  it('that was never read has its name, and no number stands for what is not known', () => {
    const shown = shownOf({ nativeId: 'one', name: 'odd', unreadable }, undefined);
    expect(shown).toEqual({
      nativeId: 'one',
      name: 'odd',
      state: 'unknown',
      disks: [],
      nics: [],
      snapshots: [],
      unreadable,
    });
    expect(shownOf({ nativeId: 'one', unreadable }, undefined).name).toBe('one');
    const { cpus: _, memoryMiB: __, ...bare } = record;
    const before = { ...bare, name: 'one', state: 'unknown' as const, unreadable };
    expect(shownOf({ nativeId: 'one', name: 'now known', unreadable }, before).name).toBe('now known');
  });

  it.each<[string, object]>([
    ['a size that is no number', { disks: [{ device: 'vda', sizeGiB: Number.NaN }] }],
    ['no CPUs', { cpus: 0 }],
    ['a state that there is not', { state: 'dreaming' }],
    [
      'a snapshot without a time',
      {
        snapshots: [
          { id: 'a', name: 'a', parent: null, current: true, memory: false, state: 'stopped', createdAt: '' },
        ],
      },
    ],
    ['no list of interfaces', { nics: undefined }],
  ])('is one of which the driver says nonsense: %s', (_, nonsense) => {
    const result = checked({ ...vm, ...nonsense } as DriverVm);
    expect(result).toEqual({
      nativeId: 'one',
      name: 'web-1',
      unreadable: expect.stringMatching(/makes no sense: [\w.[\]]+\. Look at it/),
    });
  });

  it('is none that makes sense, and is told as it is', () => {
    expect(checked(vm)).toBe(vm);
    expect(checked({ nativeId: 'one', unreadable })).toEqual({ nativeId: 'one', unreadable });
  });

  it('is a known one whose look the host refuses, not one that nobody knows, and not a host that is away', () => {
    const refused = new ProblemError('host-rejected', unreadable);
    expect(failedLook(record, refused)).toEqual({ nativeId: 'one', unreadable });
    expect(failedLook(record, new ProblemError('timed-out', 'Too slow.'))).toMatchObject({ unreadable: 'Too slow.' });
    expect(failedLook(undefined, refused)).toBeUndefined();
    expect(failedLook(record, new ProblemError('host-offline', 'Away.'))).toBeUndefined();
    expect(failedLook(record, new TypeError('a bug'))).toBeUndefined();
  });

  it('is noted for the operator, several in one note', () => {
    const odd = { ...record, unreadable };
    expect(unreadableNotes([])).toEqual([]);
    expect(unreadableNotes([odd])).toEqual([`1 VM cannot be read: web-1: ${unreadable}`]);
    const [note] = unreadableNotes(Array.from({ length: 8 }, () => odd));
    expect(note).toMatch(/^8 VMs cannot be read: .* and 3 more$/);
  });
});
