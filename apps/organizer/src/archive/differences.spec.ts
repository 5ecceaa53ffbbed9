import { describe, expect, it } from '@jest/globals';
import type { VmRecord } from '@polyvirt/contracts';
import { record } from '../testing/events.ts';
import { differencesOf } from './differences.ts';

const nic = (n: number, network = 'default') => ({ mac: `52:54:00:00:00:0${n}`, network, addresses: [] });

describe('the history of a VM', () => {
  it.each<[string, Partial<VmRecord>, Partial<VmRecord>]>([
    ['CPUs from 1 to 2', { cpus: 1 }, { cpus: 2 }],
    ['CPUs from 2 to 4, memory from 128 to 256 MiB', { cpus: 2, memoryMiB: 128 }, { cpus: 4, memoryMiB: 256 }],
    ['CPUs 2', { cpus: undefined }, { cpus: 2 }],
    ['Firmware from bios to uefi', { firmware: 'bios' }, { firmware: 'uefi' }],
    [
      'Disk vda from 1 to 3 GiB, disk vdc of 5 GiB added, disk vdb removed',
      { disks: [{ device: 'vda', sizeGiB: 1 }, { device: 'vdb' }] },
      {
        disks: [
          { device: 'vda', sizeGiB: 3 },
          { device: 'vdc', sizeGiB: 5 },
        ],
      },
    ],
    [
      'Network of interface 52:54:00:00:00:01 from default to lab, interface 52:54:00:00:00:02 on lab added, ' +
        'interface 52:54:00:00:00:03 on default removed',
      { nics: [nic(1), nic(3)] },
      { nics: [nic(1, 'lab'), nic(2, 'lab')] },
    ],
    ['CD-ROM alpine.iso inserted', { cdrom: null }, { cdrom: 'alpine.iso' }],
    ['CD-ROM from a.iso to b.iso', { cdrom: 'a.iso' }, { cdrom: 'b.iso' }],
    ['CD-ROM a.iso ejected', { cdrom: 'a.iso' }, { cdrom: null }],
    ['Changed in what is not recorded', {}, {}],
  ])('says %s', (sentence, before, after) => {
    expect(differencesOf(record(before), record(after))).toBe(sentence);
  });
});
