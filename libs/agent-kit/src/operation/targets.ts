import { cloneVm, commandOfVerb, deleteVm, nameKey, stopVm, vmIdOf, type Command } from '@polyvirt/contracts';
import { z } from 'zod';
import type { Cause, Target } from '../inventory/causes.ts';

const Named = z.object({ name: z.string().optional() });
const OfVolume = z.object({ volume: z.string().optional() });
const OfImage = z.object({ name: z.string().optional(), image: z.string().optional() });

/** Keys of what an operation has to itself while it runs: VMs, the name of one that it makes or renames, a volume, an image by its name. */
export function claimsOf({ nativeId, verb, input }: Command): string[] {
  const locks = commandOfVerb(verb)?.locks ?? [];
  const name = locks.includes('name') ? Named.parse(input).name : undefined;
  const volume = locks.includes('volume') ? OfVolume.parse(input).volume : undefined;
  const { image, name: newImage } = locks.includes('image') ? OfImage.parse(input) : {};
  const imageName = image ?? newImage;
  return [
    ...(nativeId === undefined ? [] : [`vm:${nativeId}`]),
    ...(name === undefined ? [] : [`name:${nameKey(name)}`]),
    ...(volume === undefined ? [] : [`volume:${volume}`]),
    ...(imageName === undefined ? [] : [`image:${nameKey(imageName)}`]),
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
