import { describe, expect, it } from '@jest/globals';
import { DriverMetrics } from '@polyvirt/contracts';
import { ConnectionLostError, LibvirtError, type DomainStats, type Libvirt } from '@polyvirt/node-libvirt';
import { MetricsSweep, reading } from './metrics.ts';

const at = '2026-11-21T10:00:00Z';

const stats = (changes: Partial<DomainStats> = {}): DomainStats => ({
  uuid: 'a-1',
  name: 'a',
  id: 7,
  sampledAtMs: 10_000,
  state: 1,
  stateReason: 1,
  cpu: { timeNs: 1e9 },
  vcpuCurrent: 2,
  vcpus: [],
  interfaces: [{ index: 0, name: 'vnet0', rxBytes: 1_000, txBytes: 500 }],
  blocks: [{ index: 0, name: 'vda', readBytes: 4_096, writeBytes: 0 }],
  other: {},
  ...changes,
});

describe('a reading', () => {
  it('has no percentage and no rates from one sample, and says so by leaving them out', () => {
    const first = reading(stats(), undefined, at);
    expect(DriverMetrics.parse(first)).toEqual({
      nativeId: 'a-1',
      state: 'running',
      disks: [{ device: 'vda', readBytes: 4_096, writeBytes: 0 }],
      networks: [{ interface: 'vnet0', rxBytes: 1_000, txBytes: 500 }],
      observedAt: at,
    });
  });

  it('has both from two samples of the same run', () => {
    const later = stats({
      sampledAtMs: 15_000,
      cpu: { timeNs: 6e9 },
      interfaces: [{ index: 0, name: 'vnet0', rxBytes: 6_000, txBytes: 500 }],
      blocks: [{ index: 0, name: 'vda', readBytes: 4_096, writeBytes: 5_120 }],
    });
    expect(reading(later, stats(), at)).toMatchObject({
      cpuPercent: 50,
      disks: [{ readBytesPerSecond: 0, writeBytesPerSecond: 1_024 }],
      networks: [{ rxBytesPerSecond: 1_000, txBytesPerSecond: 0 }],
    });
  });

  it('names the NIC that an interface of the host is, where that is known', () => {
    const macs = new Map([['vnet0', '52:54:00:00:00:01']]);
    expect(reading(stats(), undefined, at, macs).networks).toMatchObject([
      { interface: 'vnet0', mac: '52:54:00:00:00:01' },
    ]);
    expect(reading(stats(), undefined, at, new Map()).networks[0]).not.toHaveProperty('mac');
  });

  it('does not compare two runs of a machine', () => {
    expect(reading(stats({ id: 8, sampledAtMs: 15_000 }), stats(), at).cpuPercent).toBeUndefined();
  });

  it('takes used memory from the guest only: the size of the process is not what the guest uses', () => {
    const now = Math.floor(Date.now() / 1000);
    const balloon = { currentKiB: 196_608, availableKiB: 157_796, usableKiB: 105_652, rssKiB: 267_692 };
    expect(reading(stats({ balloon: { ...balloon, lastUpdate: now } }), undefined, at)).toMatchObject({
      memoryPercent: expect.closeTo(33.05, 1),
      memoryTotalMiB: expect.closeTo(154.1, 1),
    });
    const silent = reading(stats({ balloon: { ...balloon, lastUpdate: 0 } }), undefined, at);
    expect(silent.memoryPercent).toBeUndefined();
    expect(silent.memoryTotalMiB).toBe(192);
  });
});

describe('a sweep', () => {
  const sweepOf = (xml: () => Promise<string>) => {
    const libvirt = {
      statistics: { sweep: () => Promise.resolve({ domains: [stats()], suspects: [] }) },
      domains: { reference: () => ({ xml }) },
    };
    return new MetricsSweep(libvirt as unknown as Libvirt).sweep();
  };

  it('has the readings of a domain that does not show its definition, and no more than that', async () => {
    const refusal = new LibvirtError({ code: 1, domain: 10, message: 'no', level: 2 } as never, 'domainGetXmlDesc');
    for (const xml of [() => Promise.reject(refusal), () => Promise.resolve('<network/>')]) {
      const [first] = await sweepOf(xml);
      expect(first!.networks).toEqual([{ interface: 'vnet0', rxBytes: 1_000, txBytes: 500 }]);
    }
  });

  it('hides no fault of ours and no lost connection', async () => {
    for (const fault of [new TypeError('of ours'), new ConnectionLostError('gone', { sent: true })])
      await expect(sweepOf(() => Promise.reject(fault))).rejects.toBe(fault);
  });
});
