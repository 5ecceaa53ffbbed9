import { createHash } from 'node:crypto';
import { nameKey, type HostId, type VmId } from '@polyvirt/contracts';

/** What an operation needs for itself while it is active. */
export type Lock = { readonly vm: VmId } | { readonly name: string; readonly host: HostId };

export function lockKey(lock: Lock): string {
  const text = 'vm' in lock ? `vm:${lock.vm}` : `name:${lock.host}:${nameKey(lock.name)}`;
  return createHash('sha256').update(text).digest('hex');
}
