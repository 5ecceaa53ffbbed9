import { z } from 'zod';
import { DeviceName, diskSizeGiB } from './hardware-change.ts';
import { defineHardwareCommand } from './hardware-command.ts';
import { DiskInput } from './vm-create.ts';

export const VolumeId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, 'A volume id has 1 to 128 letters, digits, hyphens and underscores.')
  .describe('Id of a volume of the host, as the list of its volumes has it.');

export const addDisk = defineHardwareCommand({
  verb: 'vm.disk-add',
  summary: 'Add a disk: a blank one, one from an image, or a volume of the host. Live where the hypervisor can.',
  route: 'POST /vms/{vmId}/disks',
  locks: ['vm', 'volume'],
  input: {
    ...DiskInput.shape,
    volume: VolumeId.optional(),
  },
  rule: [
    ({ sizeGiB, image, volume }) =>
      volume === undefined
        ? sizeGiB !== undefined || image !== undefined
        : sizeGiB === undefined && image === undefined,
    { path: ['sizeGiB'], error: 'A blank disk needs a size; a volume is as it is, without size and image.' },
  ],
  change: (disk) => ({ addDisks: [disk] }),
  places: [['/addDisks/0', '']],
  problems: [
    'vm-not-found',
    'wrong-state',
    'image-not-found',
    'volume-not-found',
    'volume-in-use',
    'insufficient-capacity',
  ],
});

export const growDisk = defineHardwareCommand({
  verb: 'vm.disk-grow',
  summary: 'Make a disk larger, live where the hypervisor can. Its partitions are for the guest to extend.',
  route: 'PATCH /vms/{vmId}/disks/{device}',
  locks: ['vm'],
  input: { device: DeviceName, sizeGiB: diskSizeGiB.describe('The new size; a disk only grows.') },
  change: (growth) => ({ disks: [growth] }),
  places: [
    ['/disks/0/device', 'device'],
    ['/disks/0', ''],
  ],
  problems: ['vm-not-found', 'wrong-state', 'device-not-found', 'insufficient-capacity'],
});

export const detachDisk = defineHardwareCommand({
  verb: 'vm.disk-detach',
  summary:
    'Take a disk from a VM, live where hypervisor and guest can. It is kept as a volume of the host unless asked otherwise.',
  route: 'DELETE /vms/{vmId}/disks/{device}',
  locks: ['vm'],
  input: {
    device: DeviceName,
    keep: z
      .boolean()
      .default(true)
      .describe('Keep it as a volume of the host; else it is deleted with all that is on it.'),
  },
  change: (removal) => ({ removeDisks: [removal] }),
  places: [
    ['/removeDisks/0/device', 'device'],
    ['/removeDisks/0', ''],
  ],
  problems: ['vm-not-found', 'wrong-state', 'device-not-found', 'volume-in-use'],
});
