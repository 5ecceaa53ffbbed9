import { describe, expect, it } from '@jest/globals';
import { DriverMetrics } from '@polyvirt/contracts';
import { countOn, reading, type Columns } from './metrics.ts';

const at = (sample: number, received = '20810'): Columns => ({
  uuid: 'aaaaaaaa-0001-4000-8000-000000000001',
  values: {
    power_state: 'on',
    hypervisor_cpu_usage_ppm: '2491',
    memory_usage_ppm: '399637',
    memory_size_bytes: '4294967296',
    controller_read_io_bandwidth_kBps: '0',
    controller_write_io_bandwidth_kBps: '7',
    hypervisor_num_received_bytes: received,
  },
  times: {
    controller_read_io_bandwidth_kBps: sample,
    controller_write_io_bandwidth_kBps: sample,
    hypervisor_num_received_bytes: sample,
  },
});
const now = '2026-06-25T04:05:00.000Z';

describe('a reading', () => {
  it('is in the units of the contract', () => {
    const row = at(1);
    expect(DriverMetrics.parse(reading(row, countOn({}, row), now))).toEqual({
      nativeId: row.uuid,
      state: 'running',
      cpuPercent: 0.2491,
      memoryPercent: 39.9637,
      memoryTotalMiB: 4096,
      memoryUsedMiB: expect.closeTo(1636.9, 1),
      disks: [{ device: 'all', readBytes: 0, writeBytes: 210_000, readBytesPerSecond: 0, writeBytesPerSecond: 7_000 }],
      networks: [{ interface: 'all', rxBytes: 20_810, rxBytesPerSecond: expect.closeTo(693.67, 1) }],
      observedAt: now,
    });
  });

  it('has nothing of what was never sampled', () => {
    const row: Columns = { uuid: 'a', values: { power_state: 'on', memory_usage_ppm: '-1' }, times: {} };
    expect(reading(row, {}, now)).toEqual({
      nativeId: 'a',
      state: 'running',
      disks: [],
      networks: [],
      observedAt: now,
    });
  });

  it('counts each sample once', () => {
    let totals = countOn({}, at(1, '100'));
    totals = countOn(totals, at(1, '100'));
    expect(totals.hypervisor_num_received_bytes?.bytes).toBe(100);
    totals = countOn(totals, at(2, '50'));
    expect(totals.hypervisor_num_received_bytes?.bytes).toBe(150);
    expect(countOn(totals, at(1, '999'))).toEqual(totals);
  });
});
