import { describe, expect, it } from '@jest/globals';
import { EMPTY_CONFIG } from '../vms/vm-defaults.ts';
import { stableUuid } from '../identity.ts';
import type { VmRecord } from '../state/records.ts';
import { downsampled, reduced } from './downsampling.ts';
import { alignedDown, noise, SAMPLE_MS } from './noise.ts';
import { vmSample } from './vm-metrics.ts';

const now = alignedDown(1_800_000_000_000);
const vm = (name: string, power: VmRecord['power'] = 'ON'): VmRecord => ({
  uuid: stableUuid(name),
  name,
  clusterUuid: '',
  projectUuid: '',
  ownerUuid: '',
  categories: {},
  createdAt: 0,
  updatedAt: 0,
  specVersion: 0,
  entityVersion: 1,
  state: 'COMPLETE',
  taskUuids: [],
  power,
  poweredOnAt: now - 3_600_000,
  generationUuid: '',
  biosUuid: '',
  config: EMPTY_CONFIG,
  visibleAt: 0,
  listedAt: 0,
  consoleUuid: '',
});

describe('the metrics model', () => {
  it('always gives the same sample for the same VM and moment', () => {
    expect(vmSample(vm('a'), now, false)).toEqual(vmSample(vm('a'), now, false));
    expect(vmSample(vm('a'), now, false)).not.toEqual(vmSample(vm('a'), now - SAMPLE_MS, false));
    expect(vmSample(vm('a'), now, false)).not.toEqual(vmSample(vm('b'), now, false));
  });

  it('has nothing of a VM that is off, nor of the time before it was on', () => {
    expect(vmSample(vm('a', 'OFF'), now, false)).toBeUndefined();
    expect(vmSample(vm('a'), now - 3_600_000, false)).toBeUndefined();
  });

  it('keeps shares between nothing and all, and the hypervisor memory at its recorded constant', () => {
    for (let i = 0; i < 200; i++) {
      const sample = vmSample(vm(`vm-${i}`), now - i * SAMPLE_MS * 0.5, true);
      if (sample === undefined) continue;
      for (const name of ['hypervisor_cpu_usage_ppm', 'memory_usage_ppm', 'guest.memory_usage_ppm']) {
        expect(sample[name]).toBeGreaterThanOrEqual(0);
        expect(sample[name]).toBeLessThanOrEqual(1_000_000);
      }
      expect(sample['hypervisor_memory_usage_ppm']).toBe(1_000_000);
      expect(Object.values(sample).every(Number.isInteger)).toBe(true);
    }
  });

  it('reports guest memory only where the guest has tools', () => {
    expect(vmSample(vm('a'), now, false)).not.toHaveProperty(['guest.memory_usage_ppm']);
    expect(vmSample(vm('a'), now, true)).toHaveProperty(['guest.memory_usage_ppm']);
  });

  it('draws noise evenly from 0 to 1', () => {
    const draws = Array.from({ length: 2000 }, (_unused, i) => noise(42, i));
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
  });

  it('downsamples by the statistic that was asked for', () => {
    const points = [0, 30_000, 60_000, 90_000].map((at, i) => ({ at, value: i }));
    expect(downsampled(points, 60_000, 'MAX')).toEqual([
      { at: 0, value: 1 },
      { at: 60_000, value: 3 },
    ]);
    expect(reduced([1, 2, 6], 'AVG')).toBe(3);
    expect(reduced([1, 2, 6], 'LAST')).toBe(6);
    expect(reduced([1, 2, 6], 'SUM')).toBe(9);
    expect(reduced([1, 2, 6], 'COUNT')).toBe(3);
  });
});
