import { describe, expect, it } from '@jest/globals';
import { procedures } from '../protocol/procedures.ts';
import { writeFields } from '../protocol/schema.ts';
import { parameter, type TypedParameter } from '../protocol/typed-parameters.ts';
import { XdrReader } from '../xdr/reader.ts';
import { XdrWriter } from '../xdr/writer.ts';
import { readDomainStats, type DomainStats } from './domain-stats.ts';
import { blockRates, cpuPercent, interfaceRates, memoryUsage } from './usage.ts';

const UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f';

function decode(params: TypedParameter[], id = 1): DomainStats {
  const writer = new XdrWriter();
  writeFields(writer, procedures.connectGetAllDomainStats.ret, {
    retStats: [{ dom: { name: 'größe', uuid: UUID, id }, params }],
  });
  const reader = new XdrReader(writer.finish());
  const [stats] = readDomainStats(reader, 1000);
  expect(reader.remaining).toBe(0);
  return stats!;
}

const { boolean, double, int, string, uint, ullong } = parameter;

describe('readDomainStats', () => {
  it('gives every group its place', () => {
    const stats = decode([
      int('state.state', 1),
      int('state.reason', 5),
      ullong('cpu.time', 123_000_000n),
      ullong('cpu.user', 1n),
      ullong('cpu.system', 2n),
      ullong('balloon.current', 196_608n),
      ullong('balloon.last-update', 1_700_000_000n),
      uint('vcpu.current', 2),
      uint('vcpu.maximum', 4),
      int('vcpu.0.state', 1),
      ullong('vcpu.0.time', 9n),
      boolean('vcpu.0.halted', true),
      uint('net.count', 1),
      string('net.0.name', 'vnet0'),
      ullong('net.0.rx.bytes', 11n),
      uint('block.count', 1),
      string('block.0.name', 'vda'),
      string('block.0.path', '/images/ä.qcow2'),
      ullong('block.0.wr.bytes', 22n),
      ullong('block.0.capacity', 1024n),
      ullong('iothread.count', 0n),
      double('perf.cmt', 0.5),
    ]);
    expect(stats).toEqual({
      uuid: UUID,
      name: 'größe',
      id: 1,
      sampledAtMs: 1000,
      state: 1,
      stateReason: 5,
      cpu: { timeNs: 123_000_000, userNs: 1, systemNs: 2 },
      balloon: { currentKiB: 196_608, lastUpdate: 1_700_000_000 },
      vcpuCurrent: 2,
      vcpuMaximum: 4,
      vcpus: [{ index: 0, state: 1, timeNs: 9, halted: true }],
      interfaces: [{ index: 0, name: 'vnet0', rxBytes: 11 }],
      blocks: [{ index: 0, name: 'vda', path: '/images/ä.qcow2', writeBytes: 22, capacityBytes: 1024 }],
      other: { 'iothread.count': 0, 'perf.cmt': 0.5 },
    });
  });

  it('leaves out the CPU time of a domain that is off, which is that of somebody else', () => {
    expect(decode([ullong('cpu.time', 5n)], -1).cpu).toBeUndefined();
  });

  it('keeps counters above 2^53 within the precision of a double, and exact under `other`', () => {
    const large = 2n ** 63n + 1n;
    const stats = decode([ullong('cpu.time', large), ullong('new.group', large)]);
    expect(stats.cpu!.timeNs).toBe(2 ** 63);
    expect(stats.other['new.group']).toBe(large);
  });

  it('closes the gaps that hot-unplug leaves in the numbering', () => {
    const stats = decode([int('vcpu.2.state', 1), string('block.1.name', 'vdb')]);
    expect(stats.vcpus).toEqual([{ index: 2, state: 1 }]);
    expect(stats.blocks).toEqual([{ index: 1, name: 'vdb' }]);
  });

  it('keeps keys that it does not know', () => {
    const stats = decode([int('vcpu.0.exits.sum', 3), string('odd', 'x'), int('net.0.future', 1)]);
    expect(stats.other).toEqual({ 'vcpu.0.exits.sum': 3, odd: 'x', 'net.0.future': 1 });
  });
});

describe('usage', () => {
  const base: DomainStats = {
    uuid: UUID,
    name: 'a',
    id: 1,
    sampledAtMs: 0,
    vcpuCurrent: 2,
    cpu: { timeNs: 0 },
    vcpus: [],
    interfaces: [{ index: 0, name: 'vnet0', rxBytes: 100, txBytes: 0 }],
    blocks: [{ index: 0, name: 'vda', readBytes: 0, writeBytes: 1000 }],
    other: {},
  };
  const later: DomainStats = {
    ...base,
    sampledAtMs: 5_000,
    cpu: { timeNs: 5e9 },
    interfaces: [
      { index: 0, name: 'vnet7', rxBytes: 9, txBytes: 9 },
      { index: 1, name: 'vnet0', rxBytes: 600, txBytes: 50 },
    ],
    blocks: [{ index: 0, name: 'vda', readBytes: 5_000, writeBytes: 500 }],
  };

  it('measures CPU against all vCPUs and the real time between samples', () => {
    expect(cpuPercent(base, later)).toBe(50);
    expect(cpuPercent(base, { ...later, cpu: { timeNs: 50e9 } })).toBe(100);
  });

  it('has no CPU share where two samples cannot be compared', () => {
    expect(cpuPercent(base, { ...later, id: 2 })).toBeNull();
    expect(cpuPercent(base, { ...later, id: -1 })).toBeNull();
    expect(cpuPercent({ ...base, cpu: { timeNs: 6e9 } }, later)).toBeNull();
    expect(cpuPercent(base, { ...later, cpu: {} })).toBeNull();
    expect(cpuPercent(base, base)).toBeNull();
  });

  it('joins devices by name, whatever their index', () => {
    expect(interfaceRates(base, later)).toEqual([{ name: 'vnet0', rxBytesPerSecond: 100, txBytesPerSecond: 10 }]);
  });

  it('shows no negative rate for a device that started again at zero', () => {
    expect(blockRates(base, later)).toEqual([{ name: 'vda', readBytesPerSecond: 1_000, writeBytesPerSecond: 0 }]);
    expect(blockRates(base, { ...later, id: 9 })).toBeNull();
  });

  it('believes the guest about its memory, as long as its numbers are fresh', () => {
    const balloon = {
      currentKiB: 196_608,
      availableKiB: 157_796,
      unusedKiB: 101_076,
      usableKiB: 105_652,
      lastUpdate: 1_000,
      rssKiB: 267_692,
    };
    const fresh = memoryUsage({ ...base, balloon }, { now: 1_010, periodSeconds: 5 });
    expect(fresh).toMatchObject({ usedKiB: 52_144, totalKiB: 157_796, source: 'guest' });
    expect(fresh!.percent).toBeCloseTo(33.0, 1);
    const stale = memoryUsage({ ...base, balloon }, { now: 1_015, periodSeconds: 5 });
    expect(stale).toMatchObject({ usedKiB: 196_608, totalKiB: 196_608, percent: 100, source: 'host' });
  });

  it('takes free memory of old guests that tell nothing better', () => {
    const balloon = { currentKiB: 200, availableKiB: 100, unusedKiB: 25, lastUpdate: 10 };
    expect(memoryUsage({ ...base, balloon }, { now: 11 })).toMatchObject({ percent: 75, source: 'guest' });
  });

  it('knows nothing without a balloon or resident memory', () => {
    expect(memoryUsage(base)).toBeNull();
    expect(memoryUsage({ ...base, balloon: { currentKiB: 100, lastUpdate: 0 } })).toBeNull();
  });
});
