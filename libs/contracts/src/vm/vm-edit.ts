import { z } from 'zod';
import { defineCommand } from '../define.ts';
import { commandOptions } from '../operation/command-options.ts';
import { unique } from '../unique.ts';
import { Labels, Notes, VmName } from './vm.ts';
import { cpus, MacInput, memoryMiB, NicInputs } from './vm-create.ts';

const DiskGrowth = z
  .strictObject({
    device: z.string().min(1).max(64),
    sizeGiB: z.int().min(1).max(65_536).describe('The new size; a disk only grows.'),
  })
  .meta({ id: 'DiskGrowth' });

const hardware = {
  name: VmName.optional(),
  cpus: cpus.optional(),
  memoryMiB: memoryMiB.optional(),
  disks: z
    .array(DiskGrowth)
    .max(32)
    .superRefine(unique(({ device }) => device, 'Another entry of this list is about this disk.', 'device'))
    .optional()
    .describe('Disks to grow; others stay as they are.'),
  addNics: NicInputs.optional(),
  removeNics: z
    .array(MacInput)
    .max(16)
    .superRefine(unique((mac) => mac, 'This MAC address is in the list already.'))
    .optional()
    .describe('MAC addresses of the interfaces to remove.'),
} as const;

/** Input of the command `vm.reconfigure`: only what changes. */
export const ReconfigureVm = z.strictObject(hardware);
export type ReconfigureVm = z.infer<typeof ReconfigureVm>;

/** Body of `PATCH /vms/{id}`. */
export const EditVmInput = z
  .strictObject({
    ...hardware,
    labels: Labels.optional().describe('Replaces all labels.'),
    notes: Notes.optional(),
    protected: z.boolean().optional(),
    ...commandOptions,
  })
  .meta({ id: 'EditVmInput' });
export type EditVmInput = z.infer<typeof EditVmInput>;

/** The fields of a VM that its hypervisor keeps; the others are the gateway's. */
export const hardwareFields = Object.keys(hardware) as (keyof ReconfigureVm)[];

export const reconfigureVm = defineCommand({
  verb: 'vm.reconfigure',
  summary:
    'Change hardware or name, live where the hypervisor can; what it cannot applies at the next power-off, and the result says which.',
  permission: 'vm:edit',
  input: ReconfigureVm,
  limitSeconds: 1_800,
  problems: [
    'vm-not-found',
    'wrong-state',
    'name-taken',
    'device-not-found',
    'network-not-found',
    'insufficient-capacity',
  ],
});
