import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { unique } from '../unique.ts';
import { Labels, Notes, VmName } from './vm.ts';
import { cpus, MacInput, memoryMiB, NicInputs } from './vm-create.ts';
import { outlineOfDrop, outlineOfReconfigure } from './vm-outlines.ts';
import { requireDisksToGrow, requireInterfaces } from './vm-rules.ts';

const DiskGrowth = z
  .strictObject({
    device: z.string().min(1).max(64),
    sizeGiB: z.int().min(1).max(65_536).describe('The new size; a disk only grows.'),
  })
  .meta({ id: 'DiskGrowth' });

export const reconfigureVm = defineCommand({
  verb: 'vm.reconfigure',
  summary:
    'Change hardware or name, live where the hypervisor can; what it cannot applies at the next power-off, and the result says which.',
  route: 'PATCH /vms/{vmId}',
  permission: 'vm:edit',
  action: 'reconfigure',
  locks: ['vm', 'name'],
  input: {
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
  },
  options: {
    labels: Labels.optional().describe('Replaces all labels.'),
    notes: Notes.optional(),
    protected: z.boolean().optional(),
  },
  needs: ({ disks = [] }, vm) =>
    disks.length > 0 && vm !== undefined && vm.snapshots.length > 0 ? ['reconfigure.growWithSnapshots'] : [],
  check: ({ disks, removeNics }, vm) => {
    requireDisksToGrow(vm, disks);
    requireInterfaces(vm, removeNics);
  },
  outline: outlineOfReconfigure,
  asksHost: true,
  edits: true,
  staysOn: true,
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

/** Only what changes. */
export const ReconfigureVm = reconfigureVm.input;
export type ReconfigureVm = z.infer<typeof ReconfigureVm>;

export const dropPendingChanges = defineCommand({
  verb: 'vm.pending-changes-drop',
  summary: 'Withdraw everything that waits for the next power-off of a VM; it keeps what it has.',
  route: 'DELETE /vms/{vmId}/pending-changes',
  permission: 'vm:edit',
  locks: ['vm'],
  input: {},
  needs: () => ['reconfigure.dropPending'],
  outline: outlineOfDrop,
  asksHost: false,
  staysOn: true,
  limitSeconds: 300,
  problems: ['vm-not-found'],
});
