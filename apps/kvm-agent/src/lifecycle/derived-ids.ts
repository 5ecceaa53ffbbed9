import type { OperationId } from '@polyvirt/contracts';

/** Name of the volume of a disk of the machine with this UUID. */
export const diskVolumeName = (uuid: string, device: string): string => `${uuid}-${device}.qcow2`;

export const seedVolumeName = (uuid: string): string => `${uuid}-seed.iso`;

/** Name of the overlay that a machine continues with when its present disk becomes the base of a clone. */
export const overlayVolumeName = (uuid: string, device: string, operationId: OperationId): string =>
  `${uuid}-${device}-${operationId.replaceAll('-', '').slice(-12)}.qcow2`;

/** Whether a volume bears one of these names, whichever machine it was made for. */
export const isDerivedName = (name: string): boolean =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-(?:[a-z]{3,4}(?:-[0-9a-f]{12})?\.qcow2|seed\.iso)$/.test(name);
