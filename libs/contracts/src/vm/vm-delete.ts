import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { outlineOfDelete } from './vm-outlines.ts';

export const deleteVm = defineCommand({
  verb: 'vm.delete',
  summary: 'Delete a VM that is powered off. Its archive folder stays.',
  route: 'DELETE /vms/{vmId}',
  permission: 'vm:delete',
  action: 'delete',
  locks: ['vm'],
  input: {
    disks: z
      .enum(['delete', 'keep'])
      .default('delete')
      .describe('What becomes of its disks. A disk that another VM uses is always kept.'),
  },
  outline: outlineOfDelete,
  asksHost: false,
  limitSeconds: 1_800,
  problems: ['vm-not-found', 'wrong-state', 'vm-protected'],
});

export const DeleteVm = deleteVm.input;
export type DeleteVm = z.infer<typeof DeleteVm>;
