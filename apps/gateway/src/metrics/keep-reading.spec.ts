import { describe, expect, it } from '@jest/globals';
import type { Metrics } from '@polyvirt/contracts';
import { keepReading } from './keep-reading.ts';

const reading = (change: Partial<Metrics> = {}): Metrics => ({
  vmId: 'kvm-a~1',
  state: 'running',
  cpuPercent: 1,
  memoryPercent: 2,
  memoryUsedMiB: 3,
  memoryTotalMiB: 4,
  disks: [{ device: 'vda', readBytes: 5, writeBytes: 6, readBytesPerSecond: 7, writeBytesPerSecond: 8 }],
  networks: [{ interface: 'vnet0', rxBytes: 9, txBytes: 10, rxBytesPerSecond: 11, txBytesPerSecond: 12 }],
  observedAt: '2026-11-21T10:00:00Z',
  ...change,
});

describe('keepReading', () => {
  it.each<Partial<Metrics>>([
    {},
    { cpuPercent: 99, state: 'paused', observedAt: '2026-11-21T10:00:05Z' },
    { cpuPercent: undefined, memoryPercent: undefined, memoryUsedMiB: undefined, memoryTotalMiB: undefined },
    { disks: [], networks: [] },
    { disks: [{ device: 'vdb' }], networks: [{ interface: 'vnet1', txBytes: 1 }] },
    { disks: [{ device: 'vda', readBytes: 1 }, { device: 'vdb' }, { device: 'vdc', writeBytes: 2 }] },
  ])('leaves what the new reading says, and nothing of the old: %j', (change) => {
    const kept = reading();
    const next = reading(change);
    keepReading(kept, next);
    expect(JSON.parse(JSON.stringify(kept))).toEqual(JSON.parse(JSON.stringify(next)));
  });
});
