import { describe, expect, it } from '@jest/globals';
import { differenceOf, hardwareOf } from './vm-difference.ts';

const before = {
  name: 'web-1',
  cpus: 2,
  memoryMiB: 1_024,
  template: false,
  autostart: true,
  disks: [{ device: 'vda', sizeGiB: 10 }, { device: 'vdb' }],
  nics: [{ mac: '52:54:00:00:00:01', network: 'default' }],
  pendingChanges: [{ pointer: '/cpus', from: 2, to: 4 }],
};

describe('the difference of two records', () => {
  it.each<[string, Partial<typeof before>, object[]]>([
    ['nothing', {}, []],
    ['a name', { name: 'web-2' }, [{ pointer: '/name', from: 'web-1', to: 'web-2' }]],
    [
      'that it is a template now, and no longer starts with its host',
      { template: true, autostart: false },
      [
        { pointer: '/template', from: false, to: true },
        { pointer: '/autostart', from: true, to: false },
      ],
    ],
    ['CPUs', { cpus: 4, pendingChanges: [] }, [{ pointer: '/cpus', from: 2, to: 4 }]],
    [
      'a disk that grew and one that came',
      { disks: [{ device: 'vda', sizeGiB: 20 }, { device: 'vdb' }, { device: 'vdc', sizeGiB: 1 }] },
      [
        { pointer: '/disks/0/sizeGiB', from: 10, to: 20 },
        { pointer: '/disks/-', to: { device: 'vdc', sizeGiB: 1 } },
      ],
    ],
    [
      'a disk that went',
      { disks: [{ device: 'vda', sizeGiB: 10 }] },
      [{ pointer: '/disks/1', from: { device: 'vdb' } }],
    ],
    [
      'interfaces',
      { nics: [{ mac: '52:54:00:00:00:02', network: 'default' }] },
      [
        { pointer: '/nics/0', from: { mac: '52:54:00:00:00:01', network: 'default' } },
        { pointer: '/nics/-', to: { mac: '52:54:00:00:00:02', network: 'default' } },
      ],
    ],
    [
      'what waits anew',
      { pendingChanges: [...before.pendingChanges, { pointer: '/memoryMiB', from: 1_024, to: 2_048 }] },
      [{ pointer: '/memoryMiB', from: 1_024, to: 2_048 }],
    ],
  ])('is %s', (_, change, expected) => {
    expect(differenceOf(before, { ...before, ...change })).toEqual(expected);
  });

  it('leaves out what nobody can change', () => {
    const vm = { ...before, nativeId: 'a', state: 'running' as const, snapshots: [], guest: { agent: true } };
    const nics = [{ ...before.nics[0]!, addresses: ['10.0.0.1'] }];
    expect(hardwareOf({ ...vm, nics })).toEqual(before);
  });
});
