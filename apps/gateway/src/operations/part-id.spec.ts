import { describe, expect, it } from '@jest/globals';
import { OperationId } from '@polyvirt/contracts';
import { uuidV7 } from '../database/uuid-v7.ts';
import { partIdOf } from './part-id.ts';

describe('partIdOf', () => {
  it('follows from the batch and the VM, and has the time of the batch', () => {
    const batch = uuidV7();
    const part = partIdOf(batch, 'kvm-a~1');
    expect(OperationId.parse(part)).toBe(partIdOf(batch, 'kvm-a~1'));
    expect(part).not.toBe(partIdOf(batch, 'kvm-a~2'));
    expect(part).not.toBe(partIdOf(uuidV7(), 'kvm-a~1'));
    expect(part.slice(0, 15)).toBe(batch.slice(0, 15));
  });
});
