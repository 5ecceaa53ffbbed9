import { z } from 'zod';
import { HostId, OperationId, Timestamp, VmId } from '../ids.ts';
import { PendingChange } from '../plan/plan.ts';
import { Problem } from '../problem/problem.ts';

export const OperationStatus = z
  .enum(['pending', 'running', 'succeeded', 'failed', 'cancelled'])
  .meta({ id: 'OperationStatus' });
export type OperationStatus = z.infer<typeof OperationStatus>;

export const isEnded = (status: OperationStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled';

export const OperationStep = z
  .object({
    name: z.string(),
    status: z.enum(['running', 'succeeded', 'failed', 'undone']),
    startedAt: Timestamp,
    durationMs: z.number().nonnegative().optional().describe('Absent while it runs.'),
    native: z.string().optional().describe('The call that was made to the hypervisor, without secrets.'),
  })
  .meta({ id: 'OperationStep' });
export type OperationStep = z.infer<typeof OperationStep>;

/** What a command leaves behind beside its effect on the VM. */
export const OperationResult = z
  .object({
    vmId: VmId.optional(),
    snapshot: z.string().optional().describe('Id of the snapshot that was made.'),
    pendingChanges: z.array(PendingChange).optional().describe('What applies at the next power-off, with its values.'),
    applied: z
      .array(PendingChange)
      .optional()
      .describe('Of a change that failed or was cancelled: what stays changed, now or at the next power-off.'),
    notes: z.array(z.string()).optional().describe('What the caller should know: disks that were kept, and why.'),
    operations: z.array(OperationId).optional().describe('The parts of a batch.'),
    succeeded: z.int().optional(),
    failed: z.int().optional(),
    skipped: z.int().optional(),
  })
  .meta({ id: 'OperationResult' });
export type OperationResult = z.infer<typeof OperationResult>;

/** One asked-for change. */
export const Operation = z
  .object({
    id: OperationId,
    verb: z.string(),
    status: OperationStatus,
    host: HostId.optional().describe('Absent for a batch over several hosts.'),
    vmId: VmId.optional(),
    progress: z.number().min(0).max(100).describe('Percent.'),
    steps: z.array(OperationStep),
    requestedBy: z.string(),
    createdAt: Timestamp,
    startedAt: Timestamp.optional(),
    endedAt: Timestamp.optional(),
    cancelRequestedAt: Timestamp.optional().describe(
      'When it was told to stop, by a cancel or by a stop by force; it ends once what it made is undone.',
    ),
    changed: z.boolean().optional().describe('False when it already was as asked.'),
    result: OperationResult.optional(),
    error: Problem.optional(),
    parent: OperationId.optional().describe('The batch it belongs to.'),
    retryOf: OperationId.optional(),
  })
  .meta({ id: 'Operation' });
export type Operation = z.infer<typeof Operation>;
