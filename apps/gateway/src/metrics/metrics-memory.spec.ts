import { describe, expect, it } from '@jest/globals';
import type { Metrics, MetricsBatch } from '@polyvirt/contracts';
import { memoryReachMs, MetricsMemory, slotMs } from './metrics-memory.ts';

const start = Date.parse('2026-11-21T10:00:00Z');
const id = 'kvm-a~1';

const reading = (atMs: number, change: Partial<Metrics> = {}): Metrics => ({
  vmId: id,
  state: 'running',
  cpuPercent: 10,
  disks: [],
  networks: [],
  observedAt: new Date(atMs).toISOString(),
  ...change,
});
const batch = (atMs: number, readings: Metrics[] = [reading(atMs)]): MetricsBatch => ({
  host: 'kvm-a',
  observedAt: new Date(atMs).toISOString(),
  readings,
});

describe('MetricsMemory', () => {
  it('remembers the last reading whole, until it is a minute old', () => {
    const memory = new MetricsMemory();
    memory.add(batch(start), start);
    expect(memory.latest(id, start + 59_000)).toEqual(reading(start));
    expect(memory.latest(id, start + 60_000)).toBeUndefined();
    memory.forget(id);
    expect(memory.latest(id, start)).toBeUndefined();
  });

  describe('of a VM whose state changes', () => {
    const change = (memory: MetricsMemory, state: Metrics['state'], atMs: number) =>
      memory.note({ id, state, observedAt: new Date(atMs).toISOString() });

    it('calls no reading from before the change the present, whichever comes first', () => {
      for (const order of ['reading first', 'change first']) {
        const memory = new MetricsMemory();
        change(memory, 'running', start);
        const steps = [
          () => memory.add(batch(start + 1_000), start + 1_000),
          () => change(memory, 'stopped', start + 1_001),
        ];
        for (const step of order === 'reading first' ? steps : steps.reverse()) step();
        expect([order, memory.latest(id, start + 1_002)]).toEqual([order, undefined]);
        const after = reading(start + 6_000, { state: 'stopped', cpuPercent: undefined });
        memory.add(batch(start + 6_000, [after]), start + 6_000);
        expect([order, memory.latest(id, start + 6_000)?.state]).toEqual([order, 'stopped']);
      }
    });

    it('calls no reading of the time before a stop the present when it is started again', () => {
      const memory = new MetricsMemory();
      change(memory, 'running', start);
      memory.add(batch(start + 1), start + 1);
      change(memory, 'stopped', start + 2);
      change(memory, 'running', start + 3);
      expect(memory.latest(id, start + 4)).toBeUndefined();
      memory.add(batch(start + 4), start + 4);
      expect(memory.latest(id, start + 4)).toBeDefined();
    });

    it('takes one of the same millisecond for older', () => {
      const memory = new MetricsMemory();
      change(memory, 'stopped', start);
      memory.add(batch(start), start);
      expect(memory.latest(id, start)).toBeUndefined();
    });

    it('keeps its readings through changes of anything else, and its history through all', () => {
      const memory = new MetricsMemory();
      change(memory, 'running', start);
      memory.add(batch(start + 1_000), start + 1_000);
      change(memory, 'running', start + 2_000);
      expect(memory.latest(id, start + 2_000)).toEqual(reading(start + 1_000));
      change(memory, 'stopped', start + 3_000);
      expect(memory.history(id, start, start + 60_000, 60_000)).toHaveLength(1);
    });

    it('forgets the state with the VM', () => {
      const memory = new MetricsMemory();
      change(memory, 'stopped', start + 60_000);
      memory.forget(id);
      memory.add(batch(start), start);
      expect(memory.latest(id, start)).toEqual(reading(start));
    });
  });

  it('averages a step, keeps its maximum and sums rates over devices', () => {
    const memory = new MetricsMemory();
    const disks = [
      { device: 'vda', readBytesPerSecond: 5 },
      { device: 'vdb', readBytesPerSecond: 7 },
      { device: 'vdc' },
    ];
    memory.add(batch(start, [reading(start, { cpuPercent: 10, disks })]), start);
    memory.add(batch(start + slotMs, [reading(start + slotMs, { cpuPercent: 30 })]), start + slotMs);
    expect(memory.history(id, start, start + 60_000, 60_000)).toEqual([
      {
        at: '2026-11-21T10:00:00.000Z',
        cpuPercent: { average: 20, maximum: 30 },
        diskReadBytesPerSecond: { average: 12, maximum: 12 },
      },
    ]);
  });

  it('shows a gap as a gap: a silent host, a VM that was off, an unknown value', () => {
    const memory = new MetricsMemory();
    const at = (n: number) => start + n * slotMs;
    memory.add(batch(at(0)), at(0));
    memory.add(batch(at(3), []), at(3));
    memory.add(batch(at(4), [reading(at(4), { cpuPercent: undefined, memoryPercent: 50 })]), at(4));
    const points = memory.history(id, at(0), at(6), slotMs);
    expect(points.map((point) => point.at)).toEqual([at(0), at(4)].map((ms) => new Date(ms).toISOString()));
    expect(points[1]).not.toHaveProperty('cpuPercent');
  });

  it('holds fifteen minutes and no more', () => {
    const memory = new MetricsMemory();
    for (let atMs = start; atMs < start + 2 * memoryReachMs; atMs += slotMs) memory.add(batch(atMs), atMs);
    const points = memory.history(id, 0, start + 2 * memoryReachMs, slotMs);
    expect(points).toHaveLength(memoryReachMs / slotMs);
    expect(points[0]!.at).toBe(new Date(start + memoryReachMs).toISOString());
  });

  it('forgets what a slot held a round before, for a VM that has no reading now', () => {
    const memory = new MetricsMemory();
    memory.add(batch(start), start);
    const later = start + memoryReachMs;
    memory.add(batch(later, []), later);
    expect(memory.history(id, 0, later + slotMs, slotMs)).toEqual([]);
  });

  it('takes neither a batch from a clock far off, nor one that comes late, nor a reading of another host', () => {
    const memory = new MetricsMemory();
    memory.add(batch(start + 2 * memoryReachMs), start);
    memory.add(batch(start - 2 * memoryReachMs), start);
    memory.add(batch(start, [reading(start, { vmId: 'kvm-b~1' })]), start);
    expect(memory.latest(id, start)).toBeUndefined();
    expect(memory.latest('kvm-b~1', start)).toBeUndefined();
    memory.add(batch(start + slotMs), start + slotMs);
    memory.add(batch(start), start + slotMs);
    expect(memory.latest(id, start)?.observedAt).toBe(new Date(start + slotMs).toISOString());
  });
});
