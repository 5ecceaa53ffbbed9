import { z } from 'zod';
import { defineCommand } from '../define.ts';
import { commandOptions } from '../operation/command-options.ts';

const disks = z
  .enum(['delete', 'keep'])
  .default('delete')
  .describe('What becomes of its disks. A disk that another VM uses is always kept.');

export const DeleteVm = z.strictObject({ disks });
export type DeleteVm = z.infer<typeof DeleteVm>;

/** Query of `DELETE /vms/{id}`. */
export const DeleteVmQuery = z.strictObject({ disks, ...commandOptions }).meta({ id: 'DeleteVmQuery' });
export type DeleteVmQuery = z.infer<typeof DeleteVmQuery>;

export const deleteVm = defineCommand({
  verb: 'vm.delete',
  summary: 'Delete a VM that is powered off. Its archive folder stays.',
  permission: 'vm:delete',
  input: DeleteVm,
  limitSeconds: 1_800,
  problems: ['vm-not-found', 'wrong-state', 'vm-protected'],
});
