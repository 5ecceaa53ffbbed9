import { createHash } from 'node:crypto';
import type { OperationId } from '@polyvirt/contracts';

/**
 * The MAC address of an interface, the same however often the operation is repeated. The first byte says "locally
 * administered" and is the one QEMU uses; the others come from the operation.
 */
export function macOf(operationId: OperationId, index: number): string {
  const digest = createHash('sha256').update(`${operationId}/nic/${index}`).digest();
  return [0x52, ...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Name of the volume of a disk of the machine with this UUID. */
export const diskVolumeName = (uuid: string, device: string): string => `${uuid}-${device}.qcow2`;

export const seedVolumeName = (uuid: string): string => `${uuid}-seed.iso`;

/** Name of the overlay that a machine goes on with when its present disk becomes the base of a clone. */
export const overlayVolumeName = (uuid: string, device: string, operationId: OperationId): string =>
  `${uuid}-${device}-${operationId.replaceAll('-', '').slice(-12)}.qcow2`;
