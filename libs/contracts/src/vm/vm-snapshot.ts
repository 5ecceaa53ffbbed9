import { z } from 'zod';
import { defineCommand } from '../command/define-command.ts';
import { isOn, outlineOfRevert, outlineOfSnapshotDelete } from './vm-outlines.ts';
import { requireFreeSnapshotName, withSnapshotId } from './vm-rules.ts';
import { VmName } from './vm.ts';

export const SnapshotId = z
  .string()
  .min(1)
  .max(255)
  .describe('Id of a snapshot within its VM, or its name where no other has that.')
  .meta({ id: 'SnapshotId' });

const ofSnapshots = { permission: 'vm:snapshot', locks: ['vm'], asksHost: true } as const;

export const createSnapshot = defineCommand({
  ...ofSnapshots,
  verb: 'vm.snapshot-create',
  batchAs: 'snapshot',
  summary: 'Keep the present state of a VM under a name.',
  route: 'POST /vms/{vmId}/snapshots',
  action: 'snapshot-create',
  input: {
    name: VmName.describe('Unique within the VM.'),
    description: z.string().max(1_024).optional(),
    memory: z
      .boolean()
      .optional()
      .describe(
        'Keep the memory of a running VM too; by default where the hypervisor can. Of one that is off there is none.',
      ),
  },
  // Without a word about memory the host does what it can.
  needs: ({ memory }, vm) => [
    ...(vm?.firmware === 'uefi' ? (['snapshots.uefi'] as const) : []),
    ...(vm && isOn(vm) && memory === true ? (['snapshots.memory'] as const) : []),
    ...(vm && isOn(vm) && memory === false ? (['snapshots.runningWithoutMemory'] as const) : []),
  ],
  check: ({ name }, vm) => requireFreeSnapshotName(vm, name),
  outline: ({ name, description, memory }, { vm }) => {
    const to = {
      name,
      description,
      state: vm!.state,
      ...(!isOn(vm!) ? { memory: false } : memory !== undefined && { memory }),
    };
    return { changes: [{ pointer: '/snapshots/-', to, when: 'now' }] };
  },
  staysOn: true,
  limitSeconds: 3_600,
  problems: ['vm-not-found', 'wrong-state', 'name-taken', 'insufficient-capacity'],
});
export const CreateSnapshot = createSnapshot.input;
export type CreateSnapshot = z.infer<typeof CreateSnapshot>;

export const revertSnapshot = defineCommand({
  ...ofSnapshots,
  verb: 'vm.snapshot-revert',
  summary: 'Put a VM back to a snapshot. What happened since then is lost.',
  route: 'POST /vms/{vmId}/snapshots/{snapshot}/revert',
  action: 'snapshot-revert',
  input: { snapshot: SnapshotId },
  resolve: withSnapshotId,
  outline: outlineOfRevert,
  limitSeconds: 3_600,
  problems: ['vm-not-found', 'wrong-state', 'snapshot-not-found'],
});

export const deleteSnapshot = defineCommand({
  ...ofSnapshots,
  verb: 'vm.snapshot-delete',
  summary: 'Forget a snapshot. The present state of the VM stays as it is.',
  route: 'DELETE /vms/{vmId}/snapshots/{snapshot}',
  action: 'snapshot-delete',
  input: {
    snapshot: SnapshotId,
    children: z
      .boolean()
      .default(false)
      .describe('Delete the snapshots below it too; else they move up to its parent.'),
  },
  resolve: withSnapshotId,
  outline: outlineOfSnapshotDelete,
  staysOn: true,
  limitSeconds: 7_200,
  problems: ['vm-not-found', 'wrong-state', 'snapshot-not-found'],
});
