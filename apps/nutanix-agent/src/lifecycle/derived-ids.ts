import { createHash } from 'node:crypto';
import type { OperationId } from '@polyvirt/contracts';

/**
 * The MAC address of an interface that is added, the same however often the operation is repeated. The first byte says
 * "locally administered"; the others come from the operation.
 */
export function macOf(operationId: OperationId, index: number): string {
  const digest = createHash('sha256').update(`${operationId}/nic/${index}`).digest();
  return [0x52, ...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
