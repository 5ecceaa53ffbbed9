import {
  cloneVm,
  createVm,
  nameKey,
  ProblemError,
  reconfigureVm,
  vmIdOf,
  type Command,
  type NativeId,
} from '@polyvirt/contracts';
import { z } from 'zod';
import type { Cause, Target } from '../inventory/causes.ts';

const Named = z.object({ name: z.string().optional() });

/** Commands whose input gives a VM a name. */
const naming: readonly string[] = [createVm.verb, cloneVm.verb, reconfigureVm.verb];

/** Keys of what an operation has to itself while it runs: VMs, and the name of one that it makes or renames. */
export function claimsOf({ nativeId, verb, input }: Command): string[] {
  const name = naming.includes(verb) ? Named.parse(input).name : undefined;
  return [
    ...(nativeId === undefined ? [] : [`vm:${nativeId}`]),
    ...(name === undefined ? [] : [`name:${nameKey(name)}`]),
  ];
}

/** The VM whose events an operation causes. */
export function targetOf({ nativeId, verb, input }: Command): Target {
  const newName = verb === createVm.verb || verb === cloneVm.verb ? Named.parse(input).name : undefined;
  return { nativeId, newName, onlyReads: verb === cloneVm.verb };
}

/** What events about the VM say of the operation. */
export const causeOf = ({ operationId, requestedBy, host, nativeId, verb }: Command): Cause => ({
  operationId,
  requestedBy,
  ...(verb === cloneVm.verb && nativeId !== undefined && { clonedFrom: vmIdOf(host, nativeId) }),
});

/** The VM that a command is about. */
export function vmOf({ nativeId, verb }: Command): NativeId {
  if (nativeId === undefined) throw new ProblemError('invalid-input', `${verb} needs a VM.`);
  return nativeId;
}
