import type { OperationId } from '@polyvirt/contracts';

/** Name of the volume of a disk of the machine with this UUID. */
export const diskVolumeName = (uuid: string, device: string): string => `${uuid}-${device}.qcow2`;

export const seedVolumeName = (uuid: string): string => `${uuid}-seed.iso`;

/** Name of the overlay that a machine continues with when its present disk becomes the base of a clone. */
export const overlayVolumeName = (uuid: string, device: string, operationId: OperationId): string =>
  `${uuid}-${device}-${operationId.replaceAll('-', '').slice(-12)}.qcow2`;

/** Name of the volume of a disk that a machine gets later; it may have had another disk of that device before. */
export const addedVolumeName = overlayVolumeName;

const uuidPattern = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const derivedDisk = new RegExp(`^(${uuidPattern})-[a-z]{3,4}(?:-[0-9a-f]{12})?\\.qcow2$`);

/** Whether a volume bears the name of a disk of a machine. */
export const isDerivedDisk = (name: string): boolean => derivedDisk.test(name);

/** The machine that a disk was made for, by its name. */
export const ownerInName = (name: string): string | undefined => derivedDisk.exec(name)?.[1];

/** Whether a volume bears one of these names, whichever machine it was made for. */
export const isDerivedName = (name: string): boolean =>
  isDerivedDisk(name) || new RegExp(`^${uuidPattern}-seed\\.iso$`).test(name);
