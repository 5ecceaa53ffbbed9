import {
  commandOfVerb,
  differenceOf,
  hardwareOf,
  vmIdOf,
  type Hardware,
  type OperationResult,
  type VmRecord,
} from '@polyvirt/contracts';
import type { OwnEntry } from './journal-entry.ts';
import type { Done } from './running-operation.ts';

/** The journal cannot say of every step whether it was done. */
export const doubtsOf = ({ steps }: OwnEntry): string[] =>
  steps
    .filter(({ presumed }) => presumed)
    .map(({ name }) => `The agent died at "${name}" and nothing shows whether it was done: it was not done again.`);

/** What an operation that went well leaves behind beside its effect; nothing when there is nothing to say. */
export function resultOf(
  { command }: OwnEntry,
  { made, result }: Pick<Done, 'made' | 'result'>,
  notes: readonly string[],
  after: VmRecord | undefined,
): { readonly result?: OperationResult } {
  const isEdit = commandOfVerb(command.verb)?.edits === true;
  const whole: OperationResult = {
    ...(made !== undefined && { vmId: vmIdOf(command.host, made) }),
    ...result,
    ...(isEdit && { pendingChanges: after?.pendingChanges ?? [] }),
    ...(notes.length > 0 && { notes: [...notes] }),
  };
  return Object.keys(whole).length > 0 ? { result: whole } : {};
}

/** The same of one that failed: what it has left changed. */
export function remainsOf(
  { hardwareBefore }: OwnEntry,
  notes: readonly string[],
  after: VmRecord | undefined,
): { readonly result?: OperationResult } {
  const before = hardwareBefore as Hardware | undefined;
  const applied = before && after ? differenceOf(before, hardwareOf(after)) : [];
  const whole: OperationResult = {
    ...(applied.length > 0 && { applied }),
    ...(notes.length > 0 && { notes: [...notes] }),
  };
  return Object.keys(whole).length > 0 ? { result: whole } : {};
}
