import { createHash } from 'node:crypto';
import type { HostId, VmId } from '@polyvirt/contracts';
import { nameKeyOf } from '../inventory/vm-entry.ts';

/** What an operation needs for itself while it is active. */
export type Lock = { readonly vm: VmId } | { readonly name: string; readonly host: HostId };

export function lockKey(lock: Lock): string {
  const text = 'vm' in lock ? `vm:${lock.vm}` : `name:${lock.host}:${nameKeyOf(lock.name)}`;
  return createHash('sha256').update(text).digest('hex');
}
