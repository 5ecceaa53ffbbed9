import type { CredentialId } from '../auth/caller.decorator.ts';
import {
  commands,
  isEnded,
  ProblemError,
  type BatchInput,
  type CommandDefinition,
  type Operation,
  type OperationId,
  type OperationResult,
  type Problem,
  type VmId,
} from '@polyvirt/contracts';
import type { AnnotationChange } from '../inventory/annotations.ts';
import type { Author } from '../operations/operations.ts';

/** Verb of the operation whose parts are one operation for each VM. */
export const batchVerb = 'batch';

/** The command that an action of a batch asks for. Throws `wrong-state` for one that is known no longer. */
export function batchCommand(action: string): CommandDefinition {
  const found = commands.find(({ batchAction }) => batchAction === action);
  if (found) return found;
  throw new ProblemError('wrong-state', `No batch does "${action}" any more.`);
}

/** All that a batch needs to be carried on by another process. */
export interface BatchOrder {
  readonly action: string;
  /** Input of the command, the same for each VM. */
  readonly input: unknown;
  readonly annotation?: AnnotationChange | undefined;
  readonly vmIds: readonly VmId[];
  readonly maxParallel: number;
  readonly onError: BatchInput['onError'];
  readonly whenOffline: BatchInput['whenOffline'];
  readonly author: Omit<Author, 'idempotency'>;
  /** By what the author asked; absent in orders of an earlier release. */
  readonly credential?: Pick<CredentialId, 'userId' | 'tokenId'>;
}

export interface BatchEnd {
  readonly status: 'succeeded' | 'failed' | 'cancelled';
  readonly changed: boolean;
  readonly result: OperationResult;
  readonly error?: Problem;
}

export interface Moves {
  readonly ask: readonly VmId[];
  readonly cancel: readonly OperationId[];
  /** Percent. */
  readonly progress: number;
  readonly end?: BatchEnd;
}

/** What to do next, which follows from the plan and its parts alone. */
export function movesOf(plan: BatchOrder, parts: readonly Operation[], isCancelled: boolean): Moves {
  const begun = new Set(parts.map(({ vmId }) => vmId));
  const waiting = plan.vmIds.filter((id) => !begun.has(id));
  const active = parts.filter(({ status }) => !isEnded(status));
  const failed = parts.filter(({ status }) => status === 'failed' || status === 'cancelled');
  const progress = plan.vmIds.length === 0 ? 100 : ((parts.length - active.length) / plan.vmIds.length) * 100;
  const isStopped = isCancelled || (plan.onError === 'stop' && failed.length > 0);
  if (active.length === 0 && (isStopped || waiting.length === 0))
    return { ask: [], cancel: [], progress, end: endOf(plan, parts, failed, waiting.length, isCancelled) };
  const room = Math.max(0, plan.maxParallel - active.length);
  return {
    ask: isStopped ? [] : waiting.slice(0, room),
    cancel: isCancelled ? active.map(({ id }) => id) : [],
    progress,
  };
}

function endOf(
  { vmIds }: BatchOrder,
  parts: readonly Operation[],
  failed: readonly Operation[],
  skipped: number,
  isCancelled: boolean,
): BatchEnd {
  const first = failed.find(({ error }) => error !== undefined);
  const isComplete = failed.length === 0 && skipped === 0;
  return {
    status: isCancelled && !isComplete ? 'cancelled' : isComplete ? 'succeeded' : 'failed',
    changed: parts.some(({ changed }) => changed === true),
    result: {
      operations: parts.map(({ id }) => id),
      succeeded: parts.length - failed.length,
      failed: failed.length,
      skipped,
    },
    ...(first?.error &&
      !isCancelled && {
        error: {
          ...first.error,
          detail: `${failed.length} of ${vmIds.length} VMs failed. The first was ${first.vmId}: ${first.error.detail}`,
          operationId: first.id,
        },
      }),
  };
}
