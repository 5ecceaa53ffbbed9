import { createHash } from 'node:crypto';
import type { OperationId, VmId } from '@polyvirt/contracts';

/**
 * Id of the part of a batch that is about one VM: a UUID of version 7 with the time of the batch, which follows from
 * both, so that a batch which two processes carry on has each part once.
 */
export function partIdOf(batch: OperationId, vmId: VmId): OperationId {
  const bytes = createHash('sha256').update(batch).update('\0').update(vmId).digest().subarray(0, 16);
  bytes.write(batch.slice(0, 8) + batch.slice(9, 13), 0, 'hex');
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
