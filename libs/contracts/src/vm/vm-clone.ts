import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { outlineOfNew } from './vm-outlines.ts';
import { withSnapshotId } from './vm-rules.ts';
import { VmName } from './vm.ts';

export const cloneVm = defineCommand({
  verb: 'vm.clone',
  summary: 'Make a copy of a VM, with new MAC addresses.',
  route: 'POST /vms/{vmId}/clone',
  permission: 'vm:create',
  action: 'clone',
  locks: ['vm', 'name'],
  input: {
    name: VmName,
    linked: z.boolean().default(false).describe('Share the disks of the source copy-on-write instead of copying them.'),
    snapshot: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('Id or unique name of a snapshot of the source to clone from, instead of its present disks.'),
    start: z.boolean().default(false),
  },
  needs: ({ linked, snapshot }) => {
    if (!linked) return [];
    return snapshot === undefined ? ['clone.linked'] : ['clone.linked', 'clone.linkedOfSnapshot'];
  },
  resolve: withSnapshotId,
  outline: ({ name, start }, { vm }) => {
    const { cpus, memoryMiB, firmware } = vm!;
    return outlineOfNew({ name, cpus, memoryMiB, firmware }, start);
  },
  asksHost: true,
  makes: true,
  turnsOn: true,
  limitSeconds: 7_200,
  problems: ['vm-not-found', 'wrong-state', 'name-taken', 'snapshot-not-found', 'insufficient-capacity'],
});

export const CloneVm = cloneVm.input;
export type CloneVm = z.infer<typeof CloneVm>;
