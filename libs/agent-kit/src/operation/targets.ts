import { cloneVm, commandOfVerb, deleteVm, nameKey, stopVm, vmIdOf, type Command } from '@polyvirt/contracts';
import { z } from 'zod';
import type { Cause, Target } from '../inventory/causes.ts';

const Named = z.object({ name: z.string().optional() });

/** Keys of what an operation has to itself while it runs: VMs, and the name of one that it makes or renames. */
export function claimsOf({ nativeId, verb, input }: Command): string[] {
  const names = commandOfVerb(verb)?.locks.includes('name') === true;
  const name = names ? Named.parse(input).name : undefined;
  return [
    ...(nativeId === undefined ? [] : [`vm:${nativeId}`]),
    ...(name === undefined ? [] : [`name:${nameKey(name)}`]),
  ];
}

/** The VM whose events an operation causes. One that makes a VM of another only reads that one. */
export function targetOf({ nativeId, verb, input }: Command): Target {
  const makes = commandOfVerb(verb)?.makes === true;
  return { nativeId, newName: makes ? Named.parse(input).name : undefined, onlyReads: makes };
}

/** What events about the VM say of the operation. */
export const causeOf = ({ operationId, requestedBy, host, nativeId, verb }: Command): Cause => ({
  operationId,
  requestedBy,
  ...(verb === cloneVm.verb && nativeId !== undefined && { clonedFrom: vmIdOf(host, nativeId) }),
});

export const isStopByForce = ({ verb, input }: Command): boolean =>
  verb === stopVm.verb && (input as { force?: boolean }).force === true;

/** Whether an operation is ended by a stop by force. One that deletes the VM is not: it cuts the power itself, or there is none. */
export const isCutBy = (running: Command, { nativeId }: Command): boolean =>
  running.nativeId === nativeId && running.verb !== deleteVm.verb && !isStopByForce(running);
