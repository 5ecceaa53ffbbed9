import { z } from 'zod';
import { defineEvent } from '../define.ts';
import { OperationId, VmId } from '../ids.ts';
import { NativeDefinition, Snapshot, VmRecord } from './vm.ts';

/** `vm` is the record after the change; `operationId` and `requestedBy` say who caused it, when that was us. */
const body = z.object({
  vm: VmRecord,
  operationId: OperationId.optional(),
  requestedBy: z.string().optional(),
});
const withDefinition = body.extend({ definition: NativeDefinition.optional() });
const withSnapshot = body.extend({ snapshot: Snapshot });

export const vmCreated = defineEvent({
  name: 'vm.created',
  summary: 'A VM appeared: made by us or by another tool, or seen for the first time.',
  body: withDefinition.extend({ clonedFrom: VmId.optional() }),
});
export const vmDeleted = defineEvent({ name: 'vm.deleted', summary: 'A VM is gone; `vm` is its last record.', body });
export const vmStarted = defineEvent({ name: 'vm.started', summary: 'A VM was powered on.', body });
export const vmStopped = defineEvent({ name: 'vm.stopped', summary: 'A VM was powered off.', body });
export const vmRestarted = defineEvent({
  name: 'vm.restarted',
  summary: 'A VM was shut down and powered on again.',
  body,
});
export const vmReset = defineEvent({ name: 'vm.reset', summary: 'The reset button of a VM was pressed.', body });
export const vmPaused = defineEvent({ name: 'vm.paused', summary: 'A VM was frozen.', body });
export const vmResumed = defineEvent({ name: 'vm.resumed', summary: 'A paused or suspended VM goes on.', body });
export const vmSuspended = defineEvent({
  name: 'vm.suspended',
  summary: 'The memory of a VM was saved and the VM powered off.',
  body,
});
export const vmCrashed = defineEvent({ name: 'vm.crashed', summary: 'A VM ended by itself in an error.', body });
export const vmRenamed = defineEvent({
  name: 'vm.renamed',
  summary: 'A VM has a new name.',
  body: withDefinition.extend({ previousName: z.string() }),
});
export const vmReconfigured = defineEvent({
  name: 'vm.reconfigured',
  summary: 'CPUs, memory, disks or interfaces changed.',
  body: withDefinition,
});
export const vmUpdated = defineEvent({
  name: 'vm.updated',
  summary: 'Addresses, guest facts, labels, notes or protection changed.',
  body,
});
export const vmCloned = defineEvent({
  name: 'vm.cloned',
  summary: 'A VM was the source of a clone.',
  body: body.extend({ clone: VmId }),
});
export const vmSnapshotCreated = defineEvent({
  name: 'vm.snapshot-created',
  summary: 'A snapshot was taken.',
  body: withSnapshot,
});
export const vmSnapshotDeleted = defineEvent({
  name: 'vm.snapshot-deleted',
  summary: 'A snapshot was deleted.',
  body: withSnapshot,
});
export const vmSnapshotReverted = defineEvent({
  name: 'vm.snapshot-reverted',
  summary: 'A VM was put back to a snapshot.',
  body: withSnapshot,
});
