import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { CloudInit, cpus, memoryMiB, NicInputs } from './vm-create.ts';
import { outlineOfCopy } from './vm-outlines.ts';
import { withSnapshotId } from './vm-rules.ts';
import { Labels, Notes, VmName } from './vm.ts';

export const cloneVm = defineCommand({
  verb: 'vm.clone',
  summary:
    'Make a copy of a VM, with MAC addresses of its own. What the body says of it is as asked, and all else as its source has it.',
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
    cpus: cpus.optional(),
    memoryMiB: memoryMiB.optional(),
    nics: NicInputs.optional().describe(
      'In the place of all interfaces of the source; without it the copy has one on each network that the source is on.',
    ),
    cloudInit: CloudInit.optional().describe(
      'For the guest of the copy, in the place of what that of the source was given.',
    ),
  },
  options: { labels: Labels.optional(), notes: Notes.optional(), protected: z.boolean().optional() },
  needs: ({ linked, snapshot }) => {
    if (!linked) return [];
    return snapshot === undefined ? ['clone.linked'] : ['clone.linked', 'clone.linkedOfSnapshot'];
  },
  resolve: withSnapshotId,
  outline: (input, { vm }) => outlineOfCopy(input, vm!),
  asksHost: true,
  makes: true,
  turnsOn: true,
  limitSeconds: 7_200,
  problems: [
    'vm-not-found',
    'wrong-state',
    'name-taken',
    'snapshot-not-found',
    'network-not-found',
    'insufficient-capacity',
  ],
});

export const CloneVm = cloneVm.input;
export type CloneVm = z.infer<typeof CloneVm>;
