import type { OperationId } from '@polyvirt/contracts';

/** Name of the volume of a disk of the machine with this UUID. */
export const diskVolumeName = (uuid: string, device: string): string => `${uuid}-${device}.qcow2`;

export const seedVolumeName = (uuid: string): string => `${uuid}-seed.iso`;

/** Name of the overlay that a machine goes on with when its present disk becomes the base of a clone. */
export const overlayVolumeName = (uuid: string, device: string, operationId: OperationId): string =>
  `${uuid}-${device}-${operationId.replaceAll('-', '').slice(-12)}.qcow2`;
