import {
  commands,
  HostId,
  NativeId,
  OperationId,
  OperationOutcome,
  OperationStep,
  OperationVerdict,
  Problem,
  Timestamp,
  vmIdOf,
  VmState,
  type Command,
  type Operation,
} from '@polyvirt/contracts';
import { z } from 'zod';

/** A command as it is kept; its input is gone once the operation has been told to have ended. */
const JournalledCommand = z.object({
  operationId: OperationId,
  verb: z.string(),
  host: HostId,
  nativeId: NativeId.optional(),
  requestId: z.string(),
  requestedBy: z.string(),
  requestedAt: Timestamp,
  notAfter: Timestamp,
  parent: OperationId.optional(),
  retryOf: OperationId.optional(),
  input: z.unknown(),
});

export const JournalStep = OperationStep.extend({
  /** What the step answered, until the operation has ended. */
  result: z.unknown().optional(),
  /** Why it failed; a repeat of the method fails there again. */
  problem: Problem.optional(),
  /** Whether it can be taken back. */
  revocable: z.boolean().optional(),
  /** Whether it was cut short and is taken for done, though nobody knows. */
  presumed: z.boolean().optional(),
  /** Whether what it made was taken back. */
  undone: z.boolean().optional(),
});
export type JournalStep = z.infer<typeof JournalStep>;

/** An operation that an agent has begun: everything it needs to go on after a crash. */
export const OwnEntry = z.object({
  command: JournalledCommand,
  /** Of the agent that works on it. */
  incarnation: z.string(),
  /** How often an agent has begun to work on it. */
  attempts: z.int().positive(),
  startedAt: Timestamp,
  /** Revision of the VM's record when it began; absent when there was none. */
  revisionBefore: z.int().optional(),
  /** State of the VM when it began; absent when there was none. */
  stateBefore: VmState.optional(),
  /** What the VM was like when a change of it began, to say what is left of one that failed. */
  hardwareBefore: z.unknown().optional(),
  phase: z.enum(['running', 'ended']),
  progress: z.number(),
  steps: z.array(JournalStep),
  /** When it was told to stop, by a cancel or by a stop by force. */
  cancelRequestedAt: Timestamp.optional(),
  /** Set once it has been decided that the operation is to be taken back. */
  takingBack: z.object({ status: z.enum(['failed', 'cancelled']), problem: Problem }).optional(),
  outcome: OperationOutcome.optional(),
  /** Whether its end has been told. */
  told: z.boolean(),
});
export type OwnEntry = z.infer<typeof OwnEntry>;

/**
 * Beside entries of agents there are those of operations that a gateway ended: before any agent began it, by making the key
 * first, or because no agent had it any more, in place of the agent's entry.
 */
export const JournalEntry = z.union([OperationVerdict, OwnEntry]);
export type JournalEntry = z.infer<typeof JournalEntry>;

export const isOwn = (entry: JournalEntry): entry is OwnEntry => !('ended' in entry);

/** Whether the next agent has to go on with it. */
export const isUnfinished = (entry: JournalEntry): boolean => isOwn(entry) && !entry.told;

/** The operation as events show it. */
export function operationOf({ command, steps, startedAt, progress, cancelRequestedAt, outcome }: OwnEntry): Operation {
  const { operationId, verb, host, nativeId, requestedBy, requestedAt, parent, retryOf } = command;
  // A clone is about its source, as it was asked for; what it made is in the result.
  const vmId = nativeId === undefined ? outcome?.result?.vmId : vmIdOf(host, nativeId);
  return {
    id: operationId,
    verb,
    status: outcome?.status ?? 'running',
    host,
    ...(vmId !== undefined && { vmId }),
    progress: outcome?.status === 'succeeded' ? 100 : progress,
    steps: steps.map((step) => OperationStep.parse(step)),
    requestedBy,
    createdAt: requestedAt,
    startedAt,
    ...(outcome && { endedAt: outcome.endedAt }),
    ...(cancelRequestedAt !== undefined && { cancelRequestedAt }),
    ...(outcome?.changed !== undefined && { changed: outcome.changed }),
    ...(outcome?.result && { result: outcome.result }),
    ...(outcome?.error && { error: outcome.error }),
    ...(parent !== undefined && { parent }),
    ...(retryOf !== undefined && { retryOf }),
  };
}

/** Once its end has been told, an entry only has to say so, in case the command comes again. */
export function compacted(entry: OwnEntry): OwnEntry {
  const steps = entry.steps.map((step) => ({ ...step, result: undefined }));
  return { ...entry, command: { ...entry.command, input: null }, hardwareBefore: undefined, steps, told: true };
}

/** The command, validated again: another version of the agent may have written it. */
export function commandOf({ command }: OwnEntry): Command {
  const definition = commands.find(({ verb }) => verb === command.verb);
  if (!definition) throw new Error(`this agent knows no command ${command.verb}`);
  return definition.message.parse(command) as Command;
}
