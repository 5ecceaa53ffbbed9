import { z } from 'zod';
import { defineCommand } from '../define.ts';
import { commandOptions } from '../operation/command-options.ts';
import { VmName } from './vm.ts';

export const SnapshotId = z
  .string()
  .min(1)
  .max(255)
  .describe('Id of a snapshot within its VM, or its name where no other has that.')
  .meta({ id: 'SnapshotId' });

const create = {
  name: VmName.describe('Unique within the VM.'),
  description: z.string().max(1_024).optional(),
  memory: z
    .boolean()
    .optional()
    .describe(
      'Keep the memory of a running VM too; by default where the hypervisor can. Of one that is off there is none.',
    ),
} as const;

export const CreateSnapshot = z.strictObject(create);
export type CreateSnapshot = z.infer<typeof CreateSnapshot>;
export const CreateSnapshotInput = z.strictObject({ ...create, ...commandOptions }).meta({ id: 'CreateSnapshotInput' });
export type CreateSnapshotInput = z.infer<typeof CreateSnapshotInput>;

export const RevertSnapshot = z.strictObject({ snapshot: SnapshotId });
export type RevertSnapshot = z.infer<typeof RevertSnapshot>;

const removal = {
  children: z.boolean().default(false).describe('Delete the snapshots below it too; else they move up to its parent.'),
} as const;
export const DeleteSnapshot = z.strictObject({ snapshot: SnapshotId, ...removal });
export type DeleteSnapshot = z.infer<typeof DeleteSnapshot>;
export const DeleteSnapshotQuery = z
  .strictObject({
    children: z
      .stringbool()
      .default(false)
      .describe(removal.children.description ?? ''),
    ...commandOptions,
  })
  .meta({ id: 'DeleteSnapshotQuery' });
export type DeleteSnapshotQuery = z.infer<typeof DeleteSnapshotQuery>;

export const createSnapshot = defineCommand({
  verb: 'vm.snapshot-create',
  summary: 'Keep the present state of a VM under a name.',
  permission: 'vm:snapshot',
  input: CreateSnapshot,
  limitSeconds: 3_600,
  problems: ['vm-not-found', 'wrong-state', 'name-taken', 'insufficient-capacity'],
});

export const revertSnapshot = defineCommand({
  verb: 'vm.snapshot-revert',
  summary: 'Put a VM back to a snapshot. What happened since then is lost.',
  permission: 'vm:snapshot',
  input: RevertSnapshot,
  limitSeconds: 3_600,
  problems: ['vm-not-found', 'wrong-state', 'snapshot-not-found'],
});

export const deleteSnapshot = defineCommand({
  verb: 'vm.snapshot-delete',
  summary: 'Forget a snapshot. The present state of the VM stays as it is.',
  permission: 'vm:snapshot',
  input: DeleteSnapshot,
  limitSeconds: 7_200,
  problems: ['vm-not-found', 'wrong-state', 'snapshot-not-found'],
});
