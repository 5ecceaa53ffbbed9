import { z } from 'zod';
import { defineHardwareCommand } from './hardware-command.ts';

export const setCdrom = defineHardwareCommand({
  verb: 'vm.cdrom-set',
  summary:
    'Insert an ISO image of the host into the CD-ROM drive, change it, or eject it; live where the hypervisor can.',
  route: 'PUT /vms/{vmId}/cdrom',
  locks: ['vm'],
  input: {
    image: z
      .string()
      .min(1)
      .max(255)
      .nullable()
      .describe('Name of an ISO image of the host; null leaves the drive empty.'),
  },
  change: ({ image }) => ({ cdrom: image }),
  places: [['/cdrom', '/image']],
  problems: ['vm-not-found', 'wrong-state', 'image-not-found'],
});
