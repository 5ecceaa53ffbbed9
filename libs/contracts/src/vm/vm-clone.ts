import { z } from 'zod';
import { defineCommand } from '../define.ts';
import { commandOptions } from '../operation/command-options.ts';
import { VmName } from './vm.ts';

const clone = {
  name: VmName,
  linked: z.boolean().default(false).describe('Share the disks of the source copy-on-write instead of copying them.'),
  snapshot: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Id or unique name of a snapshot of the source to clone from, instead of its present disks.'),
  start: z.boolean().default(false),
} as const;

export const CloneVm = z.strictObject(clone);
export type CloneVm = z.infer<typeof CloneVm>;

export const CloneVmInput = z.strictObject({ ...clone, ...commandOptions }).meta({ id: 'CloneVmInput' });
export type CloneVmInput = z.infer<typeof CloneVmInput>;

export const cloneVm = defineCommand({
  verb: 'vm.clone',
  summary: 'Make a copy of a VM, with new MAC addresses.',
  permission: 'vm:create',
  input: CloneVm,
  limitSeconds: 7_200,
  problems: ['vm-not-found', 'wrong-state', 'name-taken', 'snapshot-not-found', 'insufficient-capacity'],
});
