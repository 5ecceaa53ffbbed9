import { describe, expect, it } from '@jest/globals';
import { cpuPercent, parseCounters, whyNoMetrics } from './metrics.ts';

describe('the process of a VM', () => {
  const status = '4242 (vmware-vmx (1)) S 1 4242 4242 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 777 1 2 3';

  it('has its counters behind a name that may contain anything', () => {
    expect(parseCounters(status, 'rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n')).toEqual({
      cpuSeconds: 3,
      readBytes: 4_096,
      writeBytes: 8_192,
    });
  });

  it('keeps to itself what it does to the disks, when it is another user’s', () => {
    expect(parseCounters(status, '')).toEqual({ cpuSeconds: 3 });
  });

  it('takes a part of the CPUs of its VM, at most all', () => {
    const sample = (cpuSeconds: number, at: number) => ({ cpuSeconds, at, pid: 1 });
    expect(cpuPercent(sample(1, 10), sample(6, 15), 2)).toBe(50);
    expect(cpuPercent(sample(1, 10), sample(9, 15), 1)).toBe(100);
  });

  it('is not looked at where processes are no files, and that is said', () => {
    expect(whyNoMetrics('linux')).toBeUndefined();
    for (const platform of ['windows', 'macos'] as const) expect(whyNoMetrics(platform)).toMatch(/\S/);
  });
});
