import { describe, expect, it } from '@jest/globals';
import type { DiskRecord, VmConfig } from '../state/records.ts';
import { changesThatNeedPowerOff } from './hot-change.ts';
import { EMPTY_CONFIG } from './vm-defaults.ts';

const disk = (uuid: string, adapterType: string, deviceType: DiskRecord['deviceType'] = 'DISK'): DiskRecord => ({
  uuid,
  adapterType,
  deviceType,
  deviceIndex: 0,
});
const before: VmConfig = {
  ...EMPTY_CONFIG,
  numSockets: 2,
  memoryMiB: 2048,
  disks: [disk('a', 'SCSI'), disk('b', 'SATA')],
};
const needs = (change: Partial<VmConfig>): string[] => changesThatNeedPowerOff(before, { ...before, ...change });

describe('what a running VM takes', () => {
  it('takes more sockets and memory, and more or fewer SCSI disks', () => {
    expect(needs({ numSockets: 4, memoryMiB: 4096 })).toEqual([]);
    expect(needs({ disks: [...before.disks, disk('c', 'SCSI')] })).toEqual([]);
    expect(needs({ disks: [disk('b', 'SATA')] })).toEqual([]);
  });

  it('does not take less of either, nor any of them without hot-plug', () => {
    expect(needs({ numSockets: 1 })).toEqual(['num_sockets']);
    expect(needs({ memoryMiB: 1024 })).toEqual(['memory_size_mib']);
    expect(changesThatNeedPowerOff({ ...before, cpuHotplug: false }, { ...before, numSockets: 4 })).toEqual([
      'num_sockets',
    ]);
  });

  it('does not take changes of boot, machine, CD-ROMs and other buses', () => {
    expect(needs({ bootType: 'UEFI' })).toEqual(['boot_config']);
    expect(needs({ machineType: 'Q35' })).toEqual(['machine_type']);
    expect(needs({ disks: [...before.disks, disk('c', 'IDE', 'CDROM')] })).toEqual([
      'disk_list (CDROM)',
      'disk_list (IDE, SATA)',
    ]);
    expect(needs({ disks: [disk('a', 'SCSI')] })).toEqual(['disk_list (IDE, SATA)']);
  });
});
