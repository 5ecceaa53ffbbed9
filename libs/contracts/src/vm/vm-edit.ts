import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { defineHardwareCommand } from './hardware-command.ts';
import { cpus, memoryMiB } from './vm-create.ts';
import { outlineOfDrop } from './vm-outlines.ts';
import { BootOrder, Labels, Notes, VmName } from './vm.ts';

export const reconfigureVm = defineHardwareCommand({
  verb: 'vm.reconfigure',
  summary:
    'Change hardware or name, live where the hypervisor can; what it cannot applies at the next power-off, and the result says which.',
  route: 'PATCH /vms/{vmId}',
  locks: ['vm', 'name'],
  input: {
    name: VmName.optional(),
    cpus: cpus.optional(),
    memoryMiB: memoryMiB.optional(),
    bootOrder: BootOrder.optional(),
    template: z
      .boolean()
      .optional()
      .describe('Make it a template, which does not start and is there to be cloned; or an ordinary VM again.'),
    autostart: z.boolean().optional().describe('Whether it is powered on when its host starts.'),
  },
  options: {
    labels: Labels.optional().describe('Replaces all labels.'),
    notes: Notes.optional(),
    protected: z.boolean().optional(),
  },
  change: (change) => change,
  problems: ['vm-not-found', 'wrong-state', 'name-taken', 'insufficient-capacity'],
});

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
