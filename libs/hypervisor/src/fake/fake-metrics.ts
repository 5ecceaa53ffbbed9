import type { DriverMetrics } from '@polyvirt/contracts';
import type { MetricsFacet } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';
import type { FakeMachine } from './fake-machine.ts';

/** Readings that follow from the clock: the same machine asked twice has moved on by the time between. */
export class FakeMetrics implements MetricsFacet {
  constructor(private readonly calls: FakeCalls) {}

  sweep(signal: AbortSignal): Promise<DriverMetrics[]> {
    return this.calls.call('metrics', undefined, signal, () => {
      const now = Date.now();
      const observedAt = new Date(now).toISOString();
      return this.calls.host
        .machines()
        .filter(({ unreadable }) => unreadable === undefined)
        .map((machine) => readingOf(machine, now, observedAt));
    });
  }
}

function readingOf(machine: FakeMachine, now: number, observedAt: string): DriverMetrics {
  const { nativeId, state } = machine;
  const base = { nativeId, state, observedAt };
  if (machine.poweredOnAt === undefined || state === 'suspended') return { ...base, disks: [], networks: [] };
  const seed = seedOf(nativeId);
  const seconds = (now - machine.poweredOnAt) / 1_000;
  const busy = state === 'running' ? 1 : 0;
  const memoryPercent = 20 + (seed % 50);
  const rate = 1_000 * (1 + (seed % 500));
  return {
    ...base,
    cpuPercent: busy * (10 + (seed % 70) + 10 * Math.sin(now / 30_000 + seed)),
    memoryPercent,
    memoryTotalMiB: machine.memoryMiB,
    memoryUsedMiB: (machine.memoryMiB * memoryPercent) / 100,
    disks: machine.disks.map(({ device }) => ({
      device,
      readBytes: Math.floor(rate * seconds),
      writeBytes: Math.floor((rate / 2) * seconds),
      readBytesPerSecond: busy * rate,
      writeBytesPerSecond: (busy * rate) / 2,
    })),
    networks: machine.nics.map(({ mac }) => ({
      interface: mac,
      mac,
      rxBytes: Math.floor(2 * rate * seconds),
      txBytes: Math.floor(rate * seconds),
      rxBytesPerSecond: busy * 2 * rate,
      txBytesPerSecond: busy * rate,
    })),
  };
}

/** FNV-1a: cheap enough for twenty thousand machines every five seconds. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
